/** The database: killed, restarted, away, slow, out of room, replaced by its standby. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Taken } from '../database.ts'
import type { Stage } from '../stage.ts'
import type { Fault, Injected } from './fault.ts'

/** Does something to the server that writes, which then belongs to this fault until it is healed. */
async function taking({ database }: Stage, inject: (server: Taken) => Promise<Pick<Injected, 'heal'> | null>): Promise<Injected | null> {
  const server = database.take()
  if (!server) return null
  try {
    const injected = await inject(server)
    if (!injected) server.release()
    return injected && { victim: 'database', heal: () => injected.heal().finally(server.release) }
  } catch (error) {
    server.release()
    throw error
  }
}

export const DATABASE_FAULTS: readonly Fault[] = [
  {
    name: 'kill-database',
    about: 'kill -9 of PostgreSQL, fsync on; it recovers from its log',
    network: false,
    lastsMs: [0, 0],
    inject: stage =>
      taking(stage, async server => {
        server.kill()
        return { heal: server.back }
      }),
  },
  {
    name: 'restart-database',
    about: 'PostgreSQL is stopped in order, and started again after a while',
    network: false,
    lastsMs: [0, 3000],
    inject: stage =>
      taking(stage, async server => {
        await server.stop()
        return { heal: server.start }
      }),
  },
  {
    name: 'fail-over',
    about: 'kill -9 of PostgreSQL for good, and after a while its synchronous standby is promoted',
    network: false,
    lastsMs: [0, 4000],
    inject: (stage, chance) =>
      taking(stage, async server => {
        await server.makeStandby()
        // Some commits wait for the standby before it is alone.
        await delay(chance.between([300, 2000]))
        server.killForGood()
        return { heal: server.promote }
      }),
  },
  {
    name: 'full-disk',
    about: 'no byte is free on the disk of PostgreSQL, where it could be given one of its own',
    network: false,
    lastsMs: [1000, 8000],
    inject: stage =>
      taking(stage, async server => {
        const free = await server.fill()
        return free && { heal: free }
      }),
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
