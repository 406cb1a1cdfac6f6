/**
 * What every hypervisor driver must do, whatever runs its guests. Each test gets a bench of its own and disposes of it
 * even when it fails. The whole contract runs twice: with one driver object, and with a new one before every call, as if
 * the agent had been restarted each time.
 */

import { randomUUID } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Guest, GuestSpec, HypervisorDriver, PowerState } from '../../actors/hypervisor/driver.ts'
import type { Effect } from '../../actors/hypervisor/drivers/store.ts'
import { type Env, silentLogger } from '../../actors/kernel/env.ts'
import { BatonError, type ErrorCode } from '../../actors/kernel/errors.ts'
import { registerStorage } from './driver-contract-storage.ts'

export interface DriverBench {
  open(): Promise<HypervisorDriver>
  readonly image: string
  /** Makes a guest end by itself, badly. */
  crash(driver: HypervisorDriver, instance: string): Promise<void>
  history(): Promise<readonly Effect[]>
  /** What its guests do not: be taken over from a host whose disks this one cannot reach; say what their disk was before. */
  readonly leaves?: readonly ('receive' | 'lineage')[]
  /** Ends and removes all that was started. */
  dispose(): Promise<void>
}

/** The real clock and timers. */
export const realEnv: Env = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  setTimer(delayMs, fn) {
    const timer = setTimeout(fn, delayMs)
    return { cancel: () => clearTimeout(timer) }
  },
  random: Math.random,
  uuid: () => randomUUID(),
  log: silentLogger,
}

export const specOf = (instance: string, image: string, more: Partial<GuestSpec> = {}): GuestSpec => ({
  instance,
  name: 'test guest',
  vcpus: 1,
  ramMb: 64,
  diskGb: 1,
  image,
  metadata: {},
  ...more,
})

export async function rejects(code: ErrorCode, promise: Promise<unknown>, message?: RegExp): Promise<void> {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  )
  assert.instance(error, BatonError, `expected ${code}, got ${error === null ? 'no error' : error}`)
  if (!(error instanceof BatonError)) return
  assert.is(error.code, code, error.message)
  if (message) assert.match(error.message, message)
}

/** Asks until the answer is there; throws after `timeoutMs`, saying what was waited for. */
export async function eventually<T>(what: string, ask: () => Promise<T | null | undefined | false>, timeoutMs = 10_000): Promise<T> {
  const endMs = performance.now() + timeoutMs
  for (;;) {
    const answer = await ask()
    if (answer) return answer
    if (performance.now() > endMs) throw new Error(`not within ${timeoutMs} ms: ${what}`)
    await delay(10)
  }
}

export const guestIn = async (driver: HypervisorDriver, instance: string): Promise<Guest | undefined> =>
  (await driver.list()).find(guest => guest.instance === instance)

/** What a driver lacks answers nothing here; its tests look first whether it is there. */
const unsupported: Promise<void> = Promise.resolve()

/** The same port, on a new driver object for every call. */
function reopening(bench: DriverBench): HypervisorDriver {
  async function fresh<T>(use: (driver: HypervisorDriver) => Promise<T>): Promise<T> {
    const driver = await bench.open()
    try {
      return await use(driver)
    } finally {
      await driver.close()
    }
  }
  return {
    name: 'reopened before every call',
    inventory: () => fresh(driver => driver.inventory()),
    list: () => fresh(driver => driver.list()),
    spawn: (...args) => fresh(driver => driver.spawn(...args)),
    destroy: (...args) => fresh(driver => driver.destroy(...args)),
    start: (...args) => fresh(driver => driver.start(...args)),
    stop: (...args) => fresh(driver => driver.stop(...args)),
    reboot: (...args) => fresh(driver => driver.reboot(...args)),
    pause: (...args) => fresh(driver => driver.pause(...args)),
    unpause: (...args) => fresh(driver => driver.unpause(...args)),
    suspend: (...args) => fresh(driver => driver.suspend?.(...args) ?? unsupported),
    resume: (...args) => fresh(driver => driver.resume?.(...args) ?? unsupported),
    rescue: (...args) => fresh(driver => driver.rescue?.(...args) ?? unsupported),
    unrescue: (...args) => fresh(driver => driver.unrescue?.(...args) ?? unsupported),
    rebuild: (...args) => fresh(driver => driver.rebuild?.(...args) ?? unsupported),
    receive: (...args) => fresh(driver => driver.receive?.(...args) ?? unsupported),
    setDevices: (...args) => fresh(driver => driver.setDevices?.(...args) ?? unsupported),
    snapshot: (...args) => fresh(driver => driver.snapshot?.(...args) ?? Promise.resolve({ sizeBytes: 0 })),
    discardSnapshot: (...args) => fresh(driver => driver.discardSnapshot?.(...args) ?? unsupported),
    removeImage: (...args) => fresh(driver => driver.removeImage?.(...args) ?? unsupported),
    removeDisk: (...args) => fresh(driver => driver.removeDisk?.(...args) ?? unsupported),
    consoleLog: (...args) => fresh(driver => driver.consoleLog(...args)),
    close: async () => {},
  }
}

/** The contract as suites for one driver, to be run by the test file. `setUp` makes an empty bench. */
export function driverContract(name: string, setUp: () => Promise<DriverBench>): { run(): void }[] {
  return (['one driver', 'a new driver for every call'] as const).map(mode => {
    const contract = suite(`${name} driver: ${mode}`)
    const check = (what: string, run: (driver: HypervisorDriver, bench: DriverBench) => Promise<void>): void => {
      contract(what, async () => {
        const bench = await setUp()
        try {
          await run(mode === 'one driver' ? await bench.open() : reopening(bench), bench)
        } finally {
          await bench.dispose()
        }
      })
    }
    register(check, mode === 'one driver')
    registerStorage(check)
    return contract
  })
}

export type Check = (what: string, run: (driver: HypervisorDriver, bench: DriverBench) => Promise<void>) => void

const A = 'aaaaaaaa-0000-4000-8000-000000000001'
const B = 'bbbbbbbb-0000-4000-8000-000000000002'
const GRACE_MS = 5_000

function register(check: Check, concurrent: boolean): void {
  const expect = async (driver: HypervisorDriver, instance: string, power: PowerState, order: number): Promise<void> => {
    assert.equal(await guestIn(driver, instance), { instance, power, order })
  }

  check('says what the machine has', async driver => {
    const inventory = await driver.inventory()
    assert.ok(inventory.vcpus > 0 && inventory.ramMb > 0 && inventory.diskGb > 0, JSON.stringify(inventory))
    assert.ok(inventory.uptimeS === undefined || (Number.isSafeInteger(inventory.uptimeS) && inventory.uptimeS >= 0), `${inventory.uptimeS} s`)
    assert.equal(await driver.list(), [])
  })

  check('spawns once, however often it is told', async (driver, bench) => {
    for (const order of [1, 1, 2]) await driver.spawn(specOf(A, bench.image, { agent: true }), order)
    assert.equal(await driver.list(), [{ instance: A, power: 'running', order: 2, agent: true }])
    assert.equal(
      (await bench.history()).map(({ instance, method, order }) => ({ instance, method, order })),
      [{ instance: A, method: 'spawn', order: 1 }],
    )
  })

  check('destroys once, and a guest that is not there', async (driver, bench) => {
    await driver.spawn(specOf(A, bench.image), 1)
    await driver.destroy(A, 2)
    await driver.destroy(A, 2)
    await driver.destroy(B, 1)
    assert.equal(await driver.list(), [])
    assert.equal(
      (await bench.history()).map(effect => `${effect.method} ${effect.order}`),
      ['spawn 1', 'destroy 2', 'bury 1'],
    )
  })

  check('does not bring back what was destroyed when an older spawn comes late', async (driver, bench) => {
    await driver.destroy(A, 2)
    await rejects('StaleCommand', driver.spawn(specOf(A, bench.image), 1))
    assert.equal(await driver.list(), [])
    await driver.spawn(specOf(A, bench.image), 3)
    await expect(driver, A, 'running', 3)
  })

  // Each path: commands one after another, and the power after each; `fault` where it must be refused.
  const paths: Readonly<Record<string, readonly (readonly [Move, PowerState | 'fault'])[]>> = {
    'stop, start': [
      ['stop', 'shutdown'],
      ['stop', 'shutdown'],
      ['start', 'running'],
      ['start', 'running'],
    ],
    'pause, unpause': [
      ['pause', 'paused'],
      ['pause', 'paused'],
      ['unpause', 'running'],
      ['unpause', 'running'],
    ],
    'stop while paused': [
      ['pause', 'paused'],
      ['stop', 'shutdown'],
      ['start', 'running'],
    ],
    'start while paused': [
      ['pause', 'paused'],
      ['start', 'running'],
    ],
    'reboot while paused': [
      ['pause', 'paused'],
      ['hard', 'running'],
    ],
    'what needs a running guest': [
      ['stop', 'shutdown'],
      ['pause', 'fault'],
      ['unpause', 'fault'],
      ['soft', 'running'],
      ['hard', 'running'],
    ],
  }
  for (const [path, moves] of Object.entries(paths)) {
    check(`goes from power to power: ${path}`, async (driver, bench) => {
      await driver.spawn(specOf(A, bench.image), 1)
      let power: PowerState = 'running'
      let order = 1
      for (const [index, [move, after]] of moves.entries()) {
        const done = doMove(driver, move, index + 2)
        if (after === 'fault') await rejects('DriverFault', done)
        else {
          await done
          power = after
          order = index + 2
        }
        await expect(driver, A, power, order)
      }
    })
  }

  check('refuses commands for a guest that is not there', async driver => {
    for (const move of MOVES) await rejects('DriverFault', doMove(driver, move, 1), /no guest/)
    await rejects('DriverFault', driver.consoleLog(A, 100), /no guest/)
  })

  check('refuses a command that was overtaken', async (driver, bench) => {
    await driver.spawn(specOf(A, bench.image), 5)
    await driver.stop(A, 7, GRACE_MS)
    for (const move of MOVES) await rejects('StaleCommand', doMove(driver, move, 6))
    await rejects('StaleCommand', driver.spawn(specOf(A, bench.image), 5))
    await rejects('StaleCommand', driver.destroy(A, 4))
    await expect(driver, A, 'shutdown', 7)
    await rejects('DriverFault', driver.start(A, 1.5))
    await rejects('DriverFault', driver.start(A, -1))
  })

  check('reboots once per order', async (driver, bench) => {
    await driver.spawn(specOf(A, bench.image), 1)
    for (const [order, mode] of [
      [2, 'soft'],
      [2, 'soft'],
      [3, 'hard'],
      [3, 'hard'],
    ] as const)
      await driver.reboot(A, order, mode)
    await expect(driver, A, 'running', 3)
    assert.equal(
      (await bench.history()).map(effect => `${effect.method} ${effect.order}`),
      ['spawn 1', 'reboot 2', 'reboot 3'],
    )
  })

  check('sees a guest that ended badly, and starts it again', async (driver, bench) => {
    await driver.spawn(specOf(A, bench.image), 1)
    await bench.crash(driver, A)
    await eventually('crashed', async () => (await guestIn(driver, A))?.power === 'crashed')
    // A repetition of the spawn that was obeyed is no order to start again.
    await driver.spawn(specOf(A, bench.image), 1)
    await expect(driver, A, 'crashed', 1)
    await driver.start(A, 2)
    await expect(driver, A, 'running', 2)
    await bench.crash(driver, A)
    await eventually('crashed again', async () => (await guestIn(driver, A))?.power === 'crashed')
    await driver.stop(A, 3, GRACE_MS)
    await expect(driver, A, 'shutdown', 3)
  })

  for (const method of ['rebuild', 'receive'] as const) {
    check(`${method}: makes a guest anew once per order, running or off, whether it was there or not`, async (driver, bench) => {
      const make = (order: number, running: boolean) => driver[method]?.(specOf(A, bench.image, { ramMb: 96 }), order, running) ?? Promise.resolve()
      const probe = await bench.open()
      if (!probe[method] || (method === 'receive' && bench.leaves?.includes('receive'))) return
      await make(1, false)
      await expect(driver, A, 'shutdown', 1)
      await driver.start(A, 2)
      await expect(driver, A, 'running', 2)
      await make(3, true)
      await make(3, true)
      await expect(driver, A, 'running', 3)
      await make(4, false)
      await expect(driver, A, 'shutdown', 4)
      await rejects('StaleCommand', make(3, true))
      await driver.destroy(A, 5)
      await rejects('StaleCommand', make(4, true))
      assert.equal(
        (await bench.history()).map(effect => `${effect.method} ${effect.order}`),
        [`${method} 1`, 'start 2', `${method} 3`, `${method} 4`, 'destroy 5'],
      )
    })
  }

  check('suspends and resumes, where it can', async (driver, bench) => {
    if (!(await bench.open()).suspend) return
    await driver.spawn(specOf(A, bench.image), 1)
    for (const order of [2, 2, 3]) await driver.suspend?.(A, order)
    await expect(driver, A, 'suspended', 3)
    await driver.resume?.(A, 4)
    await expect(driver, A, 'running', 4)
    await driver.suspend?.(A, 5)
    await driver.stop(A, 6, GRACE_MS)
    await rejects('DriverFault', driver.resume?.(A, 7) ?? Promise.resolve())
    await expect(driver, A, 'shutdown', 6)
  })

  check('rescues and goes back, where it can; what is not in rescue is left alone', async (driver, bench) => {
    if (!(await bench.open()).rescue) return
    await driver.spawn(specOf(A, bench.image), 1)
    await driver.stop(A, 2, GRACE_MS)
    await driver.unrescue?.(A, 3, true)
    await expect(driver, A, 'shutdown', 3)
    await driver.rescue?.(A, 4, bench.image)
    await expect(driver, A, 'running', 4)
    await driver.unrescue?.(A, 5, false)
    await expect(driver, A, 'shutdown', 5)
    await driver.rescue?.(A, 6, bench.image)
    await driver.unrescue?.(A, 7, true)
    await expect(driver, A, 'running', 7)
  })

  check('gives the tail of the console', async (driver, bench) => {
    await driver.spawn(specOf(A, bench.image), 1)
    const all = await eventually('boot lines', async () => {
      const text = await driver.consoleLog(A, 100_000)
      return text.includes(A) && text.endsWith('\n') ? text : null
    })
    assert.is(await driver.consoleLog(A, 0), '')
    assert.is(await driver.consoleLog(A, 10), (await driver.consoleLog(A, 100_000)).slice(-10))
    await driver.stop(A, 2, GRACE_MS)
    const after = await eventually('lines about the end', async () => {
      const text = await driver.consoleLog(A, 100_000)
      return text.length > all.length ? text : null
    })
    assert.match(after.slice(all.length), /power/)
  })

  check('refuses ids that could be paths or options', async (driver, bench) => {
    for (const id of ['', '.', '..', '../../etc', 'a/b', 'A'.repeat(8), '-rf', 'a'.repeat(65), 'a\n', 'a\0', '$(id)', 'constructor']) {
      await rejects('DriverFault', driver.spawn(specOf(id, bench.image), 1), /no instance id/)
      await rejects('DriverFault', driver.destroy(id, 1), /no instance id/)
      await rejects('DriverFault', driver.consoleLog(id, 10), /no instance id/)
    }
    assert.equal(await driver.list(), [])
    assert.equal(await bench.history(), [])
  })

  if (!concurrent) return

  check('spawns 20 at once, each told twice, and destroys them at once', async (driver, bench) => {
    const ids = Array.from({ length: 20 }, () => randomUUID())
    await Promise.all(ids.flatMap(id => [driver.spawn(specOf(id, bench.image), 1), driver.spawn(specOf(id, bench.image), 1)]))
    const guests = await driver.list()
    assert.equal(guests.map(guest => guest.instance).sort(), [...ids].sort())
    assert.ok(guests.every(guest => guest.power === 'running'))
    const spawned = (await bench.history()).filter(effect => effect.method === 'spawn').map(effect => effect.instance)
    assert.equal(spawned.sort(), [...ids].sort())
    await Promise.all(ids.map(id => driver.destroy(id, 2)))
    assert.equal(await driver.list(), [])
  })

  check('obeys commands for one guest one after another, and refuses those that come out of order', async (driver, bench) => {
    const commands = [driver.spawn(specOf(A, bench.image), 1), driver.stop(A, 3, GRACE_MS), driver.start(A, 2), driver.start(A, 4)]
    const outcomes = await Promise.allSettled(commands)
    assert.equal(
      outcomes.map(outcome => outcome.status),
      ['fulfilled', 'fulfilled', 'rejected', 'fulfilled'],
    )
    await expect(driver, A, 'running', 4)
  })
}

const MOVES = ['start', 'stop', 'pause', 'unpause', 'soft', 'hard'] as const
type Move = (typeof MOVES)[number]

function doMove(driver: HypervisorDriver, move: Move, order: number): Promise<void> {
  if (move === 'stop') return driver.stop(A, order, GRACE_MS)
  if (move === 'soft' || move === 'hard') return driver.reboot(A, order, move)
  return driver[move](A, order)
}
