import type { Planted } from './planted.ts'

export const reconcilerTooEarly: Planted = {
  name: 'reconciler-too-early',
  what: "A host's guests and claims are compared with what its instances were a moment ago, whatever is under way.",
  file: 'actors/host/reconcile.ts',
  find: 'row.operation === null && now - row.updatedAt >= SETTLE_MS && !busy?.has(row.id)',
  replace: 'now >= row.updatedAt - 1',
}
