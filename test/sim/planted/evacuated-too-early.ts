import type { Planted } from './planted.ts'

export const evacuatedTooEarly: Planted = {
  name: 'evacuated-too-early',
  what: 'A host is called lost when it is merely suspect, while its lease still runs.',
  file: 'supervisors/hosts/host-detector.ts',
  find: 'const lostAfterMs = Math.max(downMs, expiryMs)',
  replace: 'const lostAfterMs = suspectMs',
}
