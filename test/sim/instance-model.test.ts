/**
 * Any sequence of requests on one instance, some at once, with crashes in between, leaves model and cluster equal. The model is the
 * table of states and a few lines about what it does not say (which hosts are held); the cluster is the simulated one. A sequence that
 * fails is shrunk and printed with the seed and path that replay it.
 */
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { InstanceBody, OperationBody } from '../../actors/api.ts'
import { INSTANCE_OPERATIONS, type InstanceOperation, rowOf, type Standing, settle } from '../../actors/instance/states.ts'
import { hash32 } from '../../actors/kernel/address.ts'
import { toFault } from '../../actors/kernel/errors.ts'
import { bodies } from './checkers/checker.ts'
import { newHistory } from './history.ts'
import { createLoop } from './loop.ts'
import { SETTINGS } from './matrix/cell.ts'
import { createClient } from './matrix/client.ts'
import { judgeAlways, judgeRest } from './matrix/judge.ts'
import { createProcess } from './process.ts'
import { createRandom } from './random.ts'
import { createWorld } from './world.ts'

type Request = Exclude<InstanceOperation, 'build'>

/** A request by name; or by a number, which chooses one of those that may begin just then, so that long ways are gone too. */
type Ask = Request | number

interface Step {
  readonly ask: Ask
  /** Asked at the same time. */
  readonly also: Ask | null
  readonly kill: 'nobody' | 'a conductor' | 'all conductors' | 'the agent'
  readonly afterMs: number
}

/** What is known of an instance without looking. `second`: the flavor for which it holds room on another host too. */
interface Model extends Standing {
  readonly hosted: boolean
  readonly second: string | null
  readonly flavor: string
}

const FRESH: Model = { vmState: 'active', powerState: 'running', kept: null, hosted: true, second: null, flavor: 'tiny' }

/** Whether the request may begin now. */
function refusal({ vmState, hosted, second, flavor }: Model, ask: Request): 'Conflict' | 'NotFound' | 'BadRequest' | null {
  if (vmState === 'deleted') return 'NotFound'
  const row = rowOf(ask)
  const softAgain = ask === 'soft-delete' && vmState === 'soft-delete'
  // What cannot be deleted softly is deleted for good instead.
  if (ask === 'delete' || ask === 'soft-delete') return softAgain ? 'Conflict' : null
  if (!row.from.includes(vmState) || (row.second === 'needs' && second === null) || (row.second === 'never' && second !== null)) return 'Conflict'
  if (row.onHost && !hosted) return 'Conflict'
  return ask === 'resize' && flavor === 'small' ? 'BadRequest' : null
}

/** What an operation that has ended makes of it. */
function after(model: Model, kind: Request, status: 'done' | 'undone' | 'failed', actual: InstanceBody): Model {
  const settled = settle(rowOf(kind)[status], model)
  // What is left when neither way could be gone to its end is for the checkers to judge.
  if (status === 'failed')
    return { ...model, ...settled, hosted: actual.host !== null, second: actual.origin?.flavor ?? null, flavor: actual.flavor.id }
  if (status === 'undone') return { ...model, ...settled }
  const moves = kind === 'resize' || kind === 'migrate'
  const reverted = kind === 'revert-resize'
  return {
    ...settled,
    kept: moves ? { vmState: model.vmState, powerState: model.powerState } : null,
    hosted: kind === 'unshelve' || (model.hosted && kind !== 'delete' && kind !== 'shelve-offload'),
    second: moves ? model.flavor : kind === 'delete' || kind === 'confirm-resize' || reverted ? null : model.second,
    flavor: kind === 'resize' ? 'small' : reverted ? (model.second ?? model.flavor) : model.flavor,
  }
}

const seen = ({ vmState, powerState, host, origin, flavor }: InstanceBody) => ({
  vmState,
  powerState,
  hosted: host !== null,
  second: origin?.flavor ?? null,
  flavor: flavor.id,
})

const QUIET_MS = 300_000

async function play(steps: readonly Step[]): Promise<void> {
  const loop = createLoop()
  loop.install()
  try {
    const random = createRandom(hash32(JSON.stringify(steps)))
    const history = newHistory()
    const violations = new Set<string>()
    const probes = { appended: () => judgeAlways(world).forEach(v => void violations.add(v)) }
    const world = createWorld(loop, random.fork(), { conductors: 2, computes: 3, settings: SETTINGS, failure: {}, probes }, () => {})
    const { env } = createProcess('client', loop, random.fork(), () => {})
    const id = env.uuid()
    const client = createClient(env, world, id, history, {})
    const operations = () => bodies<OperationBody>(world, 'operation').toSorted((a, b) => numberOf(a.id) - numberOf(b.id))
    const quiet = () => bodies<InstanceBody>(world, 'instance').every(i => i.operation === null) && operations().every(o => client.hasEnded(o.id))

    function strike({ kill, afterMs }: Step, host: string | null): void {
      const conductors = world.conductors.map(c => c.name)
      const victims = { nobody: [], 'a conductor': [random.pick(conductors)], 'all conductors': conductors, 'the agent': host ? [host] : [] }[kill]
      loop.schedule(afterMs, () => {
        for (const name of victims) {
          world.kill(name)
          loop.schedule(1500, () => world.start(name))
        }
      })
    }

    async function scenario(): Promise<void> {
      await client.until('all hosts are up', 60_000, () => world.database.tables.views.host.size === 3)
      await client.request('build')
      await client.until('it is built', QUIET_MS, () => operations().length === 1 && quiet())
      let model = FRESH
      let known = operations().length
      for (const step of steps) {
        const asked = [step.ask, ...(step.also === null ? [] : [step.also])].map(ask => named(ask, model))
        strike(step, (await client.body()).host)
        const answers = await Promise.all(
          asked.map(kind =>
            client.request(kind).then(
              () => 'accepted',
              error => toFault(error).code,
            ),
          ),
        )
        await client.until(`it is quiet after ${asked}`, QUIET_MS, quiet)
        const actual = await client.body()
        const begun = operations().slice(known)
        known += begun.length
        assert.is(begun.length, answers.filter(a => a === 'accepted').length, `${asked}: ${answers}, and ${begun.map(o => o.kind)} began`)
        // Alone, or first of two, a request is answered as the model says; the second may meet the first under way.
        const expected = asked.map(kind => refusal(model, kind) ?? 'accepted')
        if (asked.length === 1) assert.equal(answers, expected, `${asked} while ${model.vmState}`)
        else assert.ok(!expected.includes('accepted') || answers.includes('accepted'), `${asked} while ${model.vmState}: ${answers}`)
        for (const { kind, status } of begun) {
          assert.ok(status === 'done' || status === 'undone' || status === 'failed')
          model = after(model, kind as Request, status, actual)
        }
        const { kept: _, ...shown } = model
        assert.equal(seen(actual), shown, `after ${begun.map(o => `${o.kind} ${o.status}`)}`)
        await client.until('', 30_000, () => judgeRest(world, history).length === 0).catch(() => {})
        assert.equal(judgeRest(world, history), [])
        if (model.vmState === 'deleted') break
      }
    }

    let failure: unknown = null
    let over = false
    scenario()
      .catch(error => {
        failure = error
      })
      .finally(() => {
        over = true
      })
    await loop.runUntil(20 * QUIET_MS, () => over)
    if (failure !== null) throw failure
    assert.ok(over, 'it came to its end')
    assert.equal([...violations], [])
  } finally {
    loop.uninstall()
  }
}

function named(ask: Ask, model: Model): Request {
  if (typeof ask === 'string') return ask
  const allowed = REQUESTS.filter(r => r !== 'delete' && refusal(model, r) === null)
  return allowed[ask % allowed.length] ?? 'delete'
}

const numberOf = (operation: string): number => Number(operation.slice(operation.lastIndexOf('.') + 1))

/** Devices, and what is asked of an agent in the guest, are models of their own; the simulator's checkers look after them. */
const ELSEWHERE = ['attach-disk', 'detach-disk', 'attach-interface', 'detach-interface', 'guest-backup', 'guest-restore']

const isRequest = (kind: string): kind is Request => kind in INSTANCE_OPERATIONS && kind !== 'build' && !ELSEWHERE.includes(kind)
const REQUESTS = Object.keys(INSTANCE_OPERATIONS).filter(isRequest)
/** A delete ends the game, so it is rare. */
const request: fc.Arbitrary<Ask> = fc.oneof(
  { weight: 20, arbitrary: fc.nat(1000) },
  { weight: 6, arbitrary: fc.constantFrom(...REQUESTS.filter(r => r !== 'delete')) },
  { weight: 1, arbitrary: fc.constant<Request>('delete') },
)
const step: fc.Arbitrary<Step> = fc.record({
  ask: request,
  also: fc.option(request, { freq: 3 }),
  kill: fc.constantFrom('nobody', 'nobody', 'a conductor', 'all conductors', 'the agent'),
  afterMs: fc.nat(200),
})

test('any sequence of requests, some at once, with crashes in between: model and cluster are equal', () =>
  fc.assert(fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 10 }), play), { numRuns: 200 }))

test('ways that chance seldom goes', async () => {
  const calm = (...asked: Request[]): Step[] => asked.map(ask => ({ ask, also: null, kill: 'nobody', afterMs: 0 }))
  await play(calm('stop', 'resize', 'revert-resize', 'start', 'migrate', 'confirm-resize', 'shelve', 'shelve-offload', 'unshelve', 'delete'))
  await play(calm('resize', 'confirm-resize', 'resize', 'migrate', 'revert-resize', 'resize'))
  await play(
    calm(
      'suspend',
      'soft-delete',
      'restore',
      'rescue',
      'rebuild',
      'unrescue',
      'pause',
      'stop',
      'unpause',
      'reboot',
      'evacuate',
      'soft-delete',
      'delete',
    ),
  )
})

test.run()
