/**
 * Messages to actors of this process: ours (bounded inbox, registry, reply) against bare nact `dispatch` with a promise per
 * message. The journal is left out: the command is one that changes nothing.
 */
import * as nact from 'nact'
import { address } from '../actors/kernel/address.ts'
import { accept, defineActor } from '../actors/kernel/define.ts'
import { createActorHost } from '../supervisors/hosting/actor-host.ts'
import { createActorSystem } from '../supervisors/hosting/actor-system.ts'
import { realEnv } from '../supervisors/real-env.ts'
import { type BenchResult, percentile, result } from './result.ts'

const ACTORS = 64
const MESSAGES = 200_000
const IN_FLIGHT = 512
const ROUNDS = 5

const echo = defineActor<{ readonly n: number }, { method: string; args: unknown }, { type: string }>({
  kind: 'echo',
  version: 1,
  methods: { say: { reads: true } },
  initial: () => ({ n: 0 }),
  decide: state => accept([], () => state.n),
  evolve: state => state,
  work: () => [],
  view: () => null,
  finished: () => false,
})

async function rate(say: (i: number) => Promise<unknown>): Promise<number> {
  let next = 0
  const started = performance.now()
  await Promise.all(
    Array.from({ length: IN_FLIGHT }, async () => {
      while (next < MESSAGES) await say(next++)
    }),
  )
  return MESSAGES / ((performance.now() - started) / 1000)
}

export async function bench(): Promise<BenchResult[]> {
  const env = realEnv('bench', 'silent')
  const self = { role: 'conductor', node: 'bench' } as const
  const host = createActorHost({
    env,
    system: createActorSystem('bench-ours'),
    journal: {
      append: async () => {},
      confirm: async () => {},
      load: async actors => actors.map(actor => ({ actor, snapshot: null, events: [] })),
      awake: async () => [],
    },
    definitions: new Map([['echo', echo]]),
    now: () => 0,
    self,
    call: async () => null,
    limits: { inbox: 10_000, total: 100_000, idleMs: 60_000, snapshotEvery: 100 },
    restart: { limit: 5, periodMs: 60_000, backoffBaseMs: 100, backoffCapMs: 1000 },
    onFenced: () => {},
  })
  await host.adopt(Array.from({ length: 256 }, (_, shard) => shard))
  const targets = Array.from({ length: ACTORS }, (_, i) => address('echo', `e${i}`))
  const ours = (i: number) => host.deliver(targets[i % ACTORS] ?? address('echo', 'e0'), { method: 'say', args: null }, self)

  // As many actors under one parent as ours has in a bucket, so that both copy the same.
  const system = nact.start({ name: 'bench-bare' } as never)
  const parent = nact.spawnStateless(system, () => {}, 'parent')
  const bare = Array.from({ length: ACTORS }, (_, i) =>
    nact.spawnStateless(parent, (message: { resolve(n: number): void }) => message.resolve(0), `b${i}`),
  )
  const theirs = (i: number) => new Promise(resolve => nact.dispatch(bare[i % ACTORS] as nact.Ref<unknown>, { resolve }))

  const rates = { ours: [] as number[], bare: [] as number[] }
  for (let round = 0; round <= ROUNDS; round++) {
    const a = await rate(ours)
    const b = await rate(theirs)
    // The first round only warms up.
    if (round > 0) {
      rates.ours.push(a)
      rates.bare.push(b)
    }
  }
  host.stop()
  nact.stop(system)
  return [result('local messages, reference bare nact', percentile(rates.ours, 0.5), 'messages/s', percentile(rates.bare, 0.5))]
}
