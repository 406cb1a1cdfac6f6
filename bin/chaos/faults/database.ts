/** The database: killed, restarted, away, slow. */
import { type Fault, nothing, signal } from './fault.ts'

export const DATABASE_FAULTS: readonly Fault[] = [
  {
    name: 'kill-database',
    about: 'kill -9 of PostgreSQL, fsync on; it recovers from its log',
    network: false,
    lastsMs: [0, 0],
    inject: async ({ database }) => (signal(database.pid(), 'SIGKILL') ? { victim: 'database', heal: nothing } : null),
  },
  {
    name: 'restart-database',
    about: 'PostgreSQL is stopped in order, and started again after a while',
    network: false,
    lastsMs: [0, 0],
    async inject({ database }, chance) {
      if (database.pid() === 0) return null
      await database.restart(chance.between([0, 3000]))
      return { victim: 'database', heal: nothing }
    },
  },
  {
    name: 'database-away',
    about: 'every connection to the database breaks, and new ones are refused',
    network: false,
    lastsMs: [300, 8000],
    async inject({ database }) {
      database.front.setAway(true)
      return { victim: 'database', heal: async () => database.front.setAway(false) }
    },
  },
  {
    name: 'slow-database',
    about: 'the database answers late, by 50 to 500 ms each way',
    network: false,
    lastsMs: [1000, 6000],
    async inject({ database }, chance) {
      database.front.setDelay(chance.between([50, 500]))
      return { victim: 'database', heal: async () => database.front.setDelay(0) }
    },
  },
]
