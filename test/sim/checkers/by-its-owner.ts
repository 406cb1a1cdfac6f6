/** Who was declared dead refuses and promises nothing in the name of actors that others have by now: a refusal is never by an old state. */
import type { Checker } from './checker.ts'

export const byItsOwner: Checker = {
  name: 'no answer is by an old state',
  atTheEnd: world => [...world.oldAnswers],
}
