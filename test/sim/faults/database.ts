/** What happens to the database, and on the way to it. */
import type { Family } from './fault.ts'

export const DATABASE_FAULTS: Family = {
  databaseAway(world, random, later) {
    world.log('FAULT database away')
    world.database.setDown(true)
    later(random.int(200, 8000), () => {
      world.log('database back')
      world.database.setDown(false)
    })
  },
  databaseSlow(world, random, later) {
    world.databaseFaults.slowMs = random.pick([20, 200, 1000])
    world.log(`FAULT database slow, up to ${world.databaseFaults.slowMs} ms`)
    later(random.int(1000, 6000), () => {
      world.databaseFaults.slowMs = 0
    })
  },
  /** It goes away for a moment, and the other that takes its place is slow at first and has no answer to what was asked before. */
  failOver(world, random, later) {
    world.log('FAULT database fails over')
    world.databaseFaults.lostAnswers = 0.5
    later(random.int(50, 300), () => {
      world.database.setDown(true)
      later(random.int(300, 3000), () => {
        world.database.setDown(false)
        Object.assign(world.databaseFaults, { lostAnswers: 0, slowMs: 200 })
        later(1500, () => {
          world.databaseFaults.slowMs = 0
        })
      })
    })
  },
  /** Committed, and the writer does not hear of it. */
  lostAnswers(world, random, later) {
    world.databaseFaults.lostAnswers = random.next() * 0.5
    world.log(`FAULT answers of the database lost: ${world.databaseFaults.lostAnswers.toFixed(2)}`)
    later(random.int(500, 5000), () => {
      world.databaseFaults.lostAnswers = 0
    })
  },
  /** One conductor does not reach it; everybody else does, and that conductor reaches everybody else. */
  databaseCut(world, random, later) {
    const { name } = random.pick(world.conductors)
    world.log(`FAULT ${name} does not reach the database`)
    world.databaseFaults.cutOff.add(name)
    later(random.int(500, 12_000), () => world.databaseFaults.cutOff.delete(name))
  },
  diskFull(world, random, later) {
    world.log('FAULT the disk of the database is full')
    world.databaseFaults.full = true
    later(random.int(500, 6000), () => {
      world.databaseFaults.full = false
    })
  },
}
