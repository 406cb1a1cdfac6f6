import type { Planted } from './planted.ts'

export const reconcilerTooEarly: Planted = {
  name: 'reconciler-too-early',
  what: "A host's guests and claims are compared with what its instances were a moment ago, whatever is under way, and the instances agree.",
  file: 'actors/host/reconcile.ts',
  find: 'row.operation === null && at - row.updatedAt >= SETTLE_MS && !busy?.has(row.id)',
  replace: 'now >= row.updatedAt - 1',
  also: [
    {
      file: 'actors/instance/guests.ts',
      find: 'if (state.task || state.next) return verdict([], { known: true, keep: true })',
      replace: '',
    },
    {
      file: 'actors/instance/guests.ts',
      find: 'if (state.task || state.next || state.host !== host || MAY_MISS.has(state.vmState)) return accept([])',
      replace: 'if (state.host !== host || MAY_MISS.has(state.vmState)) return accept([])',
    },
  ],
}
