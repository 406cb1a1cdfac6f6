/** What a lease protects comes to life only while it runs: when it is over, the guest may run elsewhere by now. */
import type { Checker } from './checker.ts'

export const leased: Checker = {
  name: 'no guest comes to life without its lease',
  always: world => [...world.unleased],
}
