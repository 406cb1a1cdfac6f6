/**
 * Quotas as a protocol: projects, instances and clients that send each other messages which come late, twice, in any order, or never.
 * Whatever happens, no project has more than its limit; and when everybody has been heard, what is entered is what is held.
 */
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { evolve } from '../../actors/instance/evolve.ts'
import { instanceActor } from '../../actors/instance/instance.ts'
import type { InstanceState } from '../../actors/instance/model.ts'
import { addressKey, parseAddress } from '../../actors/kernel/address.ts'
import { entries } from '../../actors/kernel/bucket-map.ts'
import type { AnyActor, CallWork, Command, Work } from '../../actors/kernel/define.ts'
import { type Amounts, amountsOf, NO_LIMITS, plus, sameAmounts } from '../../actors/kernel/quota.ts'
import { type ProjectState, projectActor } from '../../actors/project/project.ts'

const LIMITS = { ...NO_LIMITS, instances: 2, cores: 4 }
const project = projectActor({ limits: LIMITS, checkMs: 1000 })
const size = (vcpus: number) => ({ id: `f${vcpus}`, name: `f${vcpus}`, vcpus, ramMb: 64 * vcpus, diskGb: 1 })
const SMALL = size(1)
const FLAVORS = [SMALL, size(2), size(4)]
const IDS = ['i1', 'i2', 'i3']
/** What an instance really takes: while it grows or waits to shrink, of each the larger amount. */
function truth({ spec, vmState, origin, task }: InstanceState): Amounts | null {
  if (!spec || vmState === 'deleted') return null
  const vcpus = Math.max(spec.flavor.vcpus, origin?.flavor.vcpus ?? 0, task?.change?.flavor?.vcpus ?? 0)
  return { instances: 1, cores: vcpus, ram: 64 * vcpus }
}
const SELF = { role: 'conductor', node: 'n' } as const

interface Letter {
  readonly to: string
  readonly command: Command
  /** What the sender does with the answer. */
  readonly answered?: (answer: { ok: boolean; value?: unknown }) => Letter[]
}

/** Two kinds of actors and the letters between them; `next` says which letter goes and what becomes of it. */
class World {
  project: ProjectState = project.initial('p')
  readonly instances = new Map<string, InstanceState>(IDS.map(id => [`instance/${id}`, instanceActor.initial(id)]))
  letters: Letter[] = []
  readonly answered = new Set<Letter>()
  now = 0
  requests = 0

  /** What actors ask for by themselves. */
  work(): [owner: string, work: Work][] {
    const own = [...this.instances].flatMap(([key, state]) => instanceActor.work(state, parseAddress(key).id).map((w): [string, Work] => [key, w]))
    return [...own, ...project.work(this.project, 'p').map((w): [string, Work] => ['project/p', w])]
  }

  send(to: string, command: Command): { ok: boolean; value?: unknown } {
    const { id, kind } = parseAddress(to)
    const actor: AnyActor = kind === 'project' ? project : instanceActor
    const before = kind === 'project' ? this.project : this.instances.get(to)
    const decision = actor.decide(before, command, { id, now: this.now, from: SELF })
    if (!decision.ok) return { ok: false, value: decision.fault.code }
    const after = decision.events.reduce((s, e) => actor.evolve(s, e, this.now), before)
    if (kind === 'project') this.project = after
    else this.instances.set(to, after)
    return { ok: true, value: decision.reply?.(after) }
  }

  deliver(letter: Letter): void {
    const answer = this.send(letter.to, letter.command)
    // A letter may come twice; who sent it hears one answer.
    if (this.answered.has(letter)) return
    this.answered.add(letter)
    this.letters.push(...(letter.answered?.(answer) ?? []))
  }

  /** A call or timer of somebody's work: a letter like any other, and its answer is another. */
  carryOut(owner: string, work: Work): void {
    const { key } = work
    if (work.type === 'timer' && work.at > this.now) return
    if (work.type === 'timer') this.letters.push({ to: owner, command: { method: '@timer', args: { key } } })
    else if (this.isQuota(work)) {
      const answered: Letter['answered'] = ({ ok, value }) => [{ to: owner, command: { method: '@result', args: { key, ok, value } } }]
      this.letters.push({ to: addressKey(work.to), command: { method: work.method, args: work.args }, answered })
    }
  }

  isQuota = (work: CallWork): boolean => work.to.kind !== 'operation'

  request(): string {
    this.requests++
    return `req-${this.requests}`
  }

  create(ids: readonly string[], flavor: typeof SMALL): void {
    const spec = { name: 'n', project: 'p', flavor, image: 'im', metadata: {}, reservation: 'r' }
    this.reserve(ids, amountsOf(flavor), quota =>
      ids.map(id => ({ to: `instance/${id}`, command: { method: 'create', args: { ...spec, quota, requestId: this.request() } } })),
    )
  }

  resize(id: string, flavor: typeof SMALL): void {
    this.reserve([id], amountsOf(flavor), quota => [
      { to: `instance/${id}`, command: { method: 'act', args: { action: 'resize', change: { flavor }, quota, requestId: this.request() } } },
    ])
  }

  /** As `supervisors/requests/quotas.ts` does: confirm when all have taken it, else doubt. */
  private reserve(ids: readonly string[], amounts: Amounts, makes: (quota: number) => Letter[]): void {
    const holders = ids.map(id => `instance/${id}`)
    const answered: Letter['answered'] = reserved => {
      if (!reserved.ok) return []
      const { number } = reserved.value as { number: number }
      const say = (method: string, args: object): Letter => ({ to: 'project/p', command: { method, args } })
      let taken = 0
      return makes(number).map(letter => ({
        ...letter,
        answered: ({ ok }) => {
          if (!ok) return [say('doubt', { number })]
          taken++
          return taken === ids.length ? [say('confirm', { numbers: [number] })] : []
        },
      }))
    }
    this.letters.push({ to: 'project/p', command: { method: 'reserve', args: { holders, amounts } }, answered })
  }

  /** The operation of an instance ends as it ends; where the guest is does not matter here. */
  end(key: string, outcome: 'done' | 'undone'): void {
    const state = this.instances.get(key)
    if (!state?.task) return
    const { task } = state
    const there = { host: 'b', claim: task.operation }
    const here = { host: state.host ?? 'a', claim: state.claim ?? 'c' }
    const ends = { operation: task.operation, outcome, fault: null }
    const moved = task.kind === 'resize' && outcome === 'done'
    const where = moved ? { ...there, origin: here } : task.kind === 'revert-resize' && state.origin ? state.origin : here
    const gone = task.kind === 'delete' ? { host: null, claim: null } : where
    const origin = moved ? { origin: here } : {}
    this.instances.set(key, evolve(state, { type: 'taskEnded', ...ends, host: gone.host, claim: gone.claim, ...origin }, this.now))
  }

  /** One instance is there from the beginning. */
  begin(): void {
    this.create(['i1'], FLAVORS[1] ?? SMALL)
    this.hear()
    this.end('instance/i1', 'done')
  }

  violations(): string[] {
    const used = [...this.instances.values()].reduce<Amounts>((sum, state) => plus(sum, truth(state) ?? {}), {})
    const over = [
      ...((used.instances ?? 0) > LIMITS.instances ? [`${used.instances} instances`] : []),
      ...((used.cores ?? 0) > LIMITS.cores ? [`${used.cores} cores`] : []),
    ]
    const sum = entries(this.project.entries).reduce<Amounts>((total, [, { amounts }]) => plus(total, amounts), {})
    return sameAmounts(sum, this.project.used) ? over : [...over, 'the sum is not the sum']
  }

  /** Everybody is heard until nobody has anything to say. */
  hear(): void {
    for (let i = 0; i < 1000; i++) {
      this.now += 1000
      const work = this.work().filter(([, w]) => w.type === 'timer' || this.isQuota(w))
      if (work.length === 0 && this.letters.length === 0) return
      for (const letter of this.letters.splice(0)) this.deliver(letter)
      for (const [owner, w] of work) this.carryOut(owner, w)
    }
    throw new Error('it does not come to rest')
  }
}

const index = fc.nat({ max: 1000 })
const pick = <T>(from: readonly T[], at: number): T | undefined => from[at % Math.max(1, from.length)]

const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ what: fc.constant('create' as const), ids: fc.subarray(IDS, { minLength: 1 }), flavor: fc.nat({ max: 2 }) }) },
  { weight: 4, arbitrary: fc.record({ what: fc.constant('resize' as const), at: index, flavor: fc.nat({ max: 2 }) }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constantFrom('confirm-resize' as const, 'revert-resize' as const, 'delete' as const), at: index }) },
  { weight: 4, arbitrary: fc.record({ what: fc.constantFrom('done' as const, 'undone' as const), at: index }) },
  {
    weight: 12,
    arbitrary: fc.record({ what: fc.constantFrom('deliver' as const, 'deliver' as const, 'twice' as const, 'lose' as const), at: index }),
  },
  { weight: 6, arbitrary: fc.record({ what: fc.constant('work' as const), at: index }) },
)

function take(world: World, s: typeof step extends fc.Arbitrary<infer T> ? T : never): void {
  if (s.what === 'create') {
    world.create(s.ids, FLAVORS[s.flavor] ?? SMALL)
    return
  }
  const id = s.at % 3 > 0 ? 'i1' : (pick(IDS, s.at) ?? 'i1')
  switch (s.what) {
    case 'resize':
      world.resize(id, FLAVORS[s.flavor] ?? SMALL)
      return
    case 'delete':
      world.send(`instance/${id}`, { method: 'delete', args: { requestId: world.request() } })
      return
    case 'confirm-resize':
    case 'revert-resize':
      world.send(`instance/${id}`, { method: 'act', args: { action: s.what, requestId: world.request() } })
      return
    case 'done':
    case 'undone':
      world.end(`instance/${id}`, s.what)
      return
    case 'work': {
      const [owner, work] = pick(world.work(), s.at) ?? []
      if (owner && work) world.carryOut(owner, work)
      return
    }
    default: {
      // The oldest first, most of the time.
      const letter = s.at % 4 > 0 ? world.letters[0] : pick(world.letters, s.at)
      if (!letter) return
      if (s.what !== 'twice') world.letters = world.letters.filter(l => l !== letter)
      if (s.what !== 'lose') world.deliver(letter)
    }
  }
}

test('any order, loss and repetition: never over the limit, and at rest entered is what is needed', () => {
  fc.assert(
    fc.property(fc.boolean(), fc.array(step, { minLength: 50, maxLength: 200 }), (begun, steps) => {
      const world = new World()
      if (begun) world.begin()
      for (const s of steps) {
        world.now += 100
        take(world, s)
        assert.equal(world.violations(), [])
      }
      // Operations end, letters under way are lost, and all that is said from now on is heard.
      for (const key of world.instances.keys()) for (let i = 0; i < 3; i++) world.end(key, 'done')
      world.letters = []
      world.hear()
      const entered = new Map(entries(world.project.entries))
      for (const [key, state] of world.instances) assert.equal(entered.get(key)?.amounts ?? null, truth(state), key)
      assert.equal(world.project.pending, {})
      assert.equal(world.violations(), [])
    }),
    { numRuns: 2500 },
  )
})

test.run()
