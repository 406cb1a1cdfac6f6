/** Operations under any sequence of answers, faults, silences, timers, cancels and stale messages, each with a crash behind it. */
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { address } from '../../actors/kernel/address.ts'
import type { CallWork } from '../../actors/kernel/define.ts'
import type { ErrorCode } from '../../actors/kernel/errors.ts'
import { type OperationSpec, operation, step } from '../../actors/operation/step.ts'
import { ARGS, type Run, started } from '../support/operation.ts'

/** What the world makes of the current command. Silent ones differ in whether the command was obeyed all the same. */
const MOVES = ['ok', 'ok', 'ok', 'refused', 'noRoom', 'silentDone', 'silentLost', 'stale', 'cancel', 'forward', 'deadline'] as const
type Move = (typeof MOVES)[number]

const moves = (rare: readonly Move[]) => fc.array(fc.constantFrom(...MOVES.filter(m => !rare.includes(m))), { minLength: 1, maxLength: 60 })

/** The things held in the world, by name; a `do` adds, an `undo` removes, both idempotent. */
type Held = Set<string>
type Obey = (call: CallWork, held: Held) => unknown

interface Ended {
  readonly run: Run
  readonly held: Held
  /** `do x` and `undo x` that were answered well, and their place in what was said. */
  readonly confirmed: readonly string[]
  readonly places: readonly number[]
}

function play(run: Run, obey: Obey, script: readonly Move[]): Ended {
  const held: Held = new Set()
  const confirmed: string[] = []
  const places: number[] = []
  const refuse = (code: ErrorCode): void => run.refuse(code)
  const well = (): void => {
    const call = run.call()
    confirmed.push(`${call.method} ${call.to.id}`)
    places.push(run.said.length)
    run.answer(obey(call, held))
  }
  const DO: Readonly<Record<Move, () => void>> = {
    ok: well,
    refused: () => refuse('DriverFault'),
    noRoom: () => refuse('HostRefused'),
    silentDone() {
      obey(run.call(), held)
      run.timeout()
    },
    silentLost: () => run.timeout(),
    stale: () =>
      void run.send('@result', { key: 'doing:1', ok: run.said.length % 2 === 0, value: null, fault: { code: 'Internal', message: 'stale' } }),
    cancel: () => void run.cancel(),
    forward: () => (run.work().some(w => w.key === 'forward') ? run.fire('forward') : undefined),
    deadline: () => run.fire('deadline'),
  }
  for (const move of script) {
    if (run.phase() === 'reporting') break
    // A stale message must be stale: the first command of all has serial 1.
    if (move === 'stale' && run.said.length <= 1) continue
    run.now += 10
    DO[move]()
  }
  for (let i = 0; i < 400 && run.phase() !== 'reporting'; i++) well()
  return { run, held, confirmed, places }
}

const doing = (name: string) => ({ to: address('host', name), method: 'do', args: {} })
const undoing = (name: string) => ({ to: address('host', name), method: 'undo', args: {} })

/** Operations of one to five steps, some with an undo, perhaps one that cannot be taken back, perhaps one that goes back. */
const toys: fc.Arbitrary<OperationSpec> = fc
  .array(fc.record({ undo: fc.boolean(), irreversible: fc.nat(9).map(n => n === 0), goesBack: fc.nat(3).map(n => n === 0) }), {
    minLength: 1,
    maxLength: 5,
  })
  .map(shapes =>
    operation('toy', {
      cancellable: true,
      steps: shapes.map(({ undo, irreversible, goesBack }, i) =>
        step(`s${i}`, {
          do: () => doing(`s${i}`),
          ...(undo ? { undo: () => undoing(`s${i}`) } : {}),
          irreversible: irreversible && !undo,
          onFault: (_, fault, attempt) =>
            goesBack && fault.code === 'HostRefused' && attempt === 1 ? { next: 'goBack', to: 's0', found: { tried: i } } : { next: 'retry' },
        }),
      ),
    }),
  )

const toyWorld: Obey = (call, held) => {
  if (call.method === 'do') held.add(call.to.id)
  else held.delete(call.to.id)
  return null
}

test('any operation comes to its report; undone, every reversible step was undone exactly once after it was done', () => {
  fc.assert(
    fc.property(toys, moves([]), (spec, script) => {
      const { run, held, confirmed, places } = play(started('toy', ARGS, new Map([['toy', spec]])), toyWorld, script)
      assert.is(run.phase(), 'reporting')
      const { outcome } = run.reported()
      for (const { name, undo } of spec.steps) {
        const own = confirmed.filter(c => c.endsWith(` ${name}`)).map(c => c.split(' ')[0])
        if (!undo) continue
        // What was done is not done again before it was undone; it is undone again only when a `do` was sent in between.
        const at = places.filter((_, i) => confirmed[i]?.endsWith(` ${name}`))
        for (let i = 1; i < own.length; i++) {
          if (own[i] !== own[i - 1]) continue
          assert.is(own[i], 'undo', `${name}: ${own.join(' ')}`)
          assert.ok(run.said.slice(at[i - 1], at[i]).includes(`do host/${name}`), `${name} was undone twice: ${run.said.join(', ')}`)
        }
        if (outcome === 'undone') assert.ok(own.length === 0 || own.at(-1) === 'undo', `${name}: ${own.join(' ')}`)
        if (outcome === 'undone') assert.ok(!held.has(name), `${name} is left`)
        if (outcome === 'done') assert.is(own.at(-1), 'do')
      }
      if (outcome === 'done')
        assert.equal(
          [...held].sort(),
          spec.steps.map(s => s.name),
        )
    }),
    { numRuns: 600 },
  )
})

test('going back runs backward through the steps and forward from the first, never skipping one', () => {
  fc.assert(
    fc.property(toys, moves(['deadline', 'cancel', 'forward']), (spec, script) => {
      const { run, confirmed } = play(started('toy', ARGS, new Map([['toy', spec]])), toyWorld, script)
      if (run.reported().outcome !== 'done') return
      const lastPass = confirmed.slice(confirmed.lastIndexOf('do s0'))
      assert.equal(
        lastPass.filter(c => c.startsWith('do ')),
        spec.steps.map(s => `do ${s.name}`),
      )
      assert.ok(!lastPass.some(c => c.startsWith('undo')))
    }),
    { numRuns: 300 },
  )
})

const HOSTS = ['h1', 'h2', 'h3', 'h4', 'h5', 'h6']

/** Hosts that claim and spawn: what is held is `claim h` and `guest h`. */
const cloud: Obey = (call, held) => {
  const avoid = (call.args as { avoid?: readonly string[] }).avoid ?? []
  if (call.method === 'pick') return { hosts: HOSTS.filter(h => !avoid.includes(h)).slice(0, 3) }
  if (call.method === 'claim') held.add(`claim ${call.to.id}`)
  if (call.method === 'release') held.delete(`claim ${call.to.id}`)
  if (call.method === 'spawn') held.add(`guest ${call.to.id}`)
  if (call.method === 'destroy') held.delete(`guest ${call.to.id}`)
  return null
}

test('a build leaves one guest where it says, or nothing, or what it says at the deadline; nothing is left unnamed', () => {
  fc.assert(
    fc.property(moves([]), script => {
      const { run, held } = play(started('build'), cloud, script)
      const { outcome, host, claim } = run.reported()
      if (outcome === 'done') assert.equal([...held].sort(), [`claim ${host}`, `guest ${host}`])
      else if (outcome === 'undone') assert.equal([...held], [])
      else
        assert.equal(
          [...held].filter(what => !what.endsWith(` ${host}`)),
          [],
        )
      if ([...held].some(what => what.startsWith('claim'))) assert.is(claim, run.body().id)
    }),
    { numRuns: 800 },
  )
})

test('a guest is spawned only on a host that holds the claim, and ranks only ever grow', () => {
  fc.assert(
    fc.property(moves([]), script => {
      const guarded: Obey = (call, held) => {
        if (call.method === 'spawn') assert.ok(held.has(`claim ${call.to.id}`), `spawned on ${call.to.id} without a claim`)
        if (call.method === 'release') assert.ok(!held.has(`guest ${call.to.id}`), `released under the guest on ${call.to.id}`)
        return cloud(call, held)
      }
      const { run } = play(started('build'), guarded, script)
      assert.ok(run.orders.every((order, i) => i === 0 || order > (run.orders[i - 1] ?? 0)))
    }),
    { numRuns: 400 },
  )
})

test('no operation of the catalogue speaks after its end, and its steps are all closed', () => {
  fc.assert(
    fc.property(fc.constantFrom('build', 'stop', 'reboot', 'delete'), moves([]), (kind, script) => {
      const { run } = play(started(kind), cloud, script)
      assert.ok(run.body().steps.every(s => s.state !== 'running' && s.endedAt !== null))
      assert.is(run.body().endedAt, null, 'its subject does not know yet')
      const { outcome } = run.reported()
      run.answer()
      assert.is(run.body().status, outcome)
      assert.is.not(run.body().endedAt, null)
      assert.equal(run.work(), [])
      for (const key of ['deadline', 'forward', 'timeout:1']) assert.is(run.send('@timer', { key }).events, 0)
    }),
    { numRuns: 300 },
  )
})

test.run()
