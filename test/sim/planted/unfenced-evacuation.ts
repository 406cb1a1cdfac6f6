import type { Planted } from './planted.ts'

export const unfencedEvacuation: Planted = {
  name: 'unfenced-evacuation',
  what: 'Whoever asks may have an instance made anew elsewhere, whether or not its host is proved dead.',
  file: 'actors/host/host.ts',
  find: 'if (provedStopped(lostHost(state), command.args.instance)) return accept([])',
  replace: 'return accept([])',
}
