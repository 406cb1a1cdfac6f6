import type { Planted } from './planted.ts'

export const silenceUnseen: Planted = {
  name: 'silence-unseen',
  what: 'An agent that has fallen silent is believed to be as it was.',
  file: 'actors/guest/session.ts',
  find: 'silence = env.setTimer(settings.silentMs, fallSilent)',
  replace: 'silence = env.setTimer(settings.silentMs * 1000, fallSilent)',
}
