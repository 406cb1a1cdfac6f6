/** What arrives after its deadline is dropped unseen: nobody answers a call that only ever came too late. */
import type { Checker } from './checker.ts'

export const inTime: Checker = {
  name: 'what comes too late is dropped',
  atTheEnd: world => [...world.lateAnswers],
}
