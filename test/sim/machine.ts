/**
 * The machine under a compute host: a clock of its own that agent and watchdog share, which need not run as fast as others, the record
 * that they share, and the watchdog, which is a process of its own and goes on when the agent is frozen or killed.
 */
import { lapsedFakeGuest } from '../../actors/hypervisor/drivers/fake.ts'
import type { FakeGuest } from '../../actors/hypervisor/drivers/records.ts'
import type { MemoryStore } from '../../actors/hypervisor/drivers/store.ts'
import type { GuardPorts } from '../../supervisors/watchdog/guard.ts'
import { type LeaseRecord, type PolicyRecord, startWatchdog, type Word } from '../../supervisors/watchdog/watchdog.ts'
import type { Loop } from './loop.ts'
import { createProcess, type SimProcess } from './process.ts'
import type { Random } from './random.ts'

/** The fastest that clocks are slewed; see `actors/host/terms.ts`. */
const DRIFT = 1 / 12

export interface Machine {
  /** How fast its clock runs. */
  readonly rate: number
  /** Identifies this boot. */
  bootId(): string
  /** Its guests, watched: what comes to life here without the lease that protects it is told of. */
  readonly store: MemoryStore<FakeGuest>
  /** For an agent that begins a life here. */
  ports(agent: SimProcess, life: number): GuardPorts
  /** Everything that runs here is gone; what is on disk stays, from another boot. */
  powerOff(): void
}

export interface MachineOptions {
  readonly name: string
  readonly loop: Loop
  readonly random: Random
  readonly store: MemoryStore<FakeGuest>
  log(line: string): void
  /** A guest under a policy came to life here though the lease had run out, in words. */
  onUnleased(said: string): void
}

const LIVES: ReadonlySet<string> = new Set(['running', 'paused'])

export function createMachine({ name, loop, random, store, log, onUnleased }: MachineOptions): Machine {
  const rate = 1 + (random.next() * 2 - 1) * DRIFT
  const originMs = random.int(0, 1_000_000)
  const bootMs = (): number => originMs + loop.nowMs() * rate
  const watchdogs = new Set<SimProcess>()
  let boots = 1
  let lease: LeaseRecord | null = null
  let policy: PolicyRecord | null = null
  let words: readonly Word[] = []

  async function stop(instance: string): Promise<boolean> {
    const guest = store.guests().find(({ spec }) => spec.instance === instance)
    if (!guest || (guest.power !== 'running' && guest.power !== 'paused')) return false
    await store.put(instance, lapsedFakeGuest(guest))
    return true
  }

  function look(instance: string, power: string): void {
    if (!LIVES.has(power) || !policy?.instances.includes(instance)) return
    const before = store.guests().find(({ spec }) => spec.instance === instance)
    const overMs = Math.round(bootMs() - (lease?.expiresAtMs ?? 0))
    if (overMs > 0 && !LIVES.has(before?.power ?? ''))
      onUnleased(`guest ${instance} came to life on ${name}, whose lease had run out ${overMs} ms before`)
  }

  return {
    rate,
    store: {
      ...store,
      put: (instance, guest, permit) =>
        store.put(instance, guest, () => {
          permit?.()
          look(instance, guest.power)
        }),
    },
    bootId: () => `${name}/${boots}`,
    ports: (agent, life) => ({
      bootMs,
      lease: () => lease,
      policy: () => policy,
      words: () => words,
      forget(word) {
        words = words.filter(each => each.instance !== word.instance || each.atMs !== word.atMs)
      },
      writeLease(next) {
        lease = next
      },
      writePolicy(next) {
        policy = next
      },
      start(onArmed) {
        const process = createProcess(`${name}-watchdog`, loop, random.fork(), log, { rate })
        watchdogs.add(process)
        startWatchdog({
          env: process.env,
          life,
          bootMs,
          lease: () => lease,
          policy: () => policy,
          stop,
          leaveWord(word) {
            words = [...words, word]
          },
          onArmed: offer => agent.enter(() => onArmed(offer)),
          agentIsGone: () => !agent.alive(),
          onDone() {
            process.kill()
            watchdogs.delete(process)
          },
        })
      },
    }),
    powerOff() {
      boots++
      for (const watchdog of watchdogs) watchdog.kill()
      watchdogs.clear()
      // The clock begins anew: whatever was granted is over.
      lease = lease && { ...lease, expiresAtMs: 0 }
    },
  }
}
