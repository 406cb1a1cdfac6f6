import type { Planted } from './planted.ts'

export const endedNotTold: Planted = {
  name: 'ended-not-told',
  what: 'An operation that has ended counts its report as given, though nobody has taken it.',
  file: 'actors/operation/operation.ts',
  find: "ok || fault?.code === 'NotFound' ?",
  replace: 'ok || fault !== undefined ?',
}
