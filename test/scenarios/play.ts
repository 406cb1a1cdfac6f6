/**
 * Plays a scenario: production code on simulated time. The log has what was done, and below it what was seen until the next thing was
 * done, by subject: in which order two subjects change is no promise, so it is not in the log, and neither are times but those that
 * the scenario itself names.
 */

import { hash32 } from '../../actors/kernel/address.ts'
import { doctorAtRest } from '../sim/checkers/doctor.ts'
import { CHECKERS } from '../sim/checkers/index.ts'
import { newHistory } from '../sim/history.ts'
import { createLoop, type Loop } from '../sim/loop.ts'
import { createRandom } from '../sim/random.ts'
import { createWorld, type World } from '../sim/world.ts'
import { type Cluster, DEFAULT_CLUSTER } from './givens.ts'
import type { Promised, Scenario, Step } from './parse.ts'
import { createStage, type Stage } from './stage.ts'
import { linesOf, withoutChance } from './text.ts'
import { createWatch, standing } from './watch.ts'

/** Time 0s of a scenario: the cluster has come up. */
const READY_MS = 4000
/** What a scenario waits for without naming a time comes within this. */
const PATIENCE_MS = 900_000
const CHECK_EVERY_MS = 50
/** Time in which all comes to rest after everything was started and heard again. */
const REST_MS = 300_000
const LOOK_EVERY_MS = 2000

export interface Played {
  readonly log: string
  /** Promises that were broken; none in a good run. */
  readonly violations: readonly string[]
  readonly simulatedMs: number
}

interface Line {
  readonly text: string
  /** Answers to what was asked there; null while there is none. */
  readonly answers: (string | null)[]
}

export interface PlayOptions {
  /** Told every line that nodes log. */
  readonly trace?: (line: string) => void
  /** Other delays and other hosts among those as good; the log is to be the same. */
  readonly seed?: string
}

export async function play(name: string, scenario: Scenario, { trace, seed = '' }: PlayOptions = {}): Promise<Played> {
  const loop = createLoop()
  loop.install()
  try {
    return await new Player(loop, `${name}${seed}`, scenario, trace).run()
  } finally {
    loop.uninstall()
  }
}

class Player {
  readonly #loop: Loop
  readonly #scenario: Scenario
  readonly #world: World
  readonly #stage: Stage
  readonly #history = newHistory()
  readonly #violations = new Set<string>()
  readonly #lines: Line[] = []
  #section = new Map<string, string[]>()
  #command: Stage['command'] = null
  readonly #watch
  #next = 0
  /** When the newest step was done. */
  #doneMs = READY_MS
  #failure: Error | null = null
  readonly #size: Cluster

  constructor(loop: Loop, seed: string, scenario: Scenario, trace?: (line: string) => void) {
    this.#loop = loop
    this.#scenario = scenario
    this.#size = scenario.givens.reduce((cluster, { pattern, values }) => pattern.apply(cluster, values), DEFAULT_CLUSTER)
    const random = createRandom(hash32(seed))
    const at = (phase: 'told' | 'did') => (command: NonNullable<Stage['command']>['command']) => {
      this.#command = { phase, command }
      this.#moment()
      this.#command = null
    }
    const obeying = at('told')
    const probes = { obeying: async (command: Parameters<typeof obeying>[0]) => obeying(command), obeyed: at('did'), appended: () => this.#moment() }
    const log = (line: string): void => trace?.(this.#stage?.named(`${((loop.nowMs() - READY_MS) / 1000).toFixed(3)} ${line}`) ?? line)
    this.#world = createWorld(loop, random.fork(), { ...this.#size, failure: {}, probes }, log)
    this.#stage = createStage({
      ...{ loop, world: this.#world, history: this.#history },
      command: () => this.#command,
      expectAnswer: () => {
        const { answers = [] } = this.#lines.at(-1) ?? {}
        const place = answers.push(null) - 1
        return answer => {
          log(`ANSWER ${answer}`)
          answers[place] = answer
        }
      },
    })
    this.#watch = createWatch(this.#world, (subject, text) => {
      log(`SEEN ${subject}: ${text}`)
      this.#section.set(subject, [...(this.#section.get(subject) ?? []), text])
    })
  }

  async run(): Promise<Played> {
    await this.#loop.runUntil(READY_MS)
    // That all came up is no news.
    this.#watch.look()
    this.#section.clear()
    while (this.#next < this.#scenario.steps.length && !this.#failure) await this.#toNext()
    if (this.#failure) throw this.#failure
    await this.#end()
    const log = withoutChance(`${this.#lines.map(textOf).join('\n')}\n`, this.#scenario.steps.map(step => step.text).join('\n'))
    return { log, violations: [...this.#violations], simulatedMs: this.#loop.nowMs() }
  }

  /** Runs until the next step is done. */
  async #toNext(): Promise<void> {
    const index = this.#next
    const step = this.#scenario.steps[index]
    if (!step) return
    if ('withinMs' in step || step.due.when === 'condition') {
      const byMs = this.#doneMs + ('withinMs' in step ? step.withinMs : PATIENCE_MS)
      this.#moment()
      await this.#runUntil(byMs, () => {
        // What waits for something happens at that very moment; for a promise a look now and then is enough.
        if (this.#next === index && !('withinMs' in step) && this.#isDue(step)) this.#moment()
        return this.#next > index || this.#failure !== null
      })
      if (this.#next === index)
        this.#fail(step, `it has not come to be so in ${(byMs - this.#doneMs) / 1000} s. What was seen last:\n${this.#sectionText()}`)
      return
    }
    if (step.due.when !== 'now') {
      const atMs = (step.due.when === 'at' ? READY_MS : this.#doneMs) + step.due.ms
      if (atMs < this.#loop.nowMs()) return this.#fail(step, `it is ${(this.#loop.nowMs() - READY_MS) / 1000} s already`)
      await this.#runUntil(atMs, () => this.#failure !== null)
    }
    if (!this.#failure) this.#do(step)
  }

  /** Something has happened: looks, and does at once what has waited for it. */
  #moment(): void {
    this.#watch.look()
    for (const { name, always } of CHECKERS.filter(c => c.often)) {
      for (const v of always?.(this.#world, this.#history) ?? []) this.#violations.add(this.#stage.named(`${name}: ${v}`))
    }
    for (;;) {
      const step = this.#scenario.steps[this.#next]
      if (!step || this.#failure) return
      if (!this.#isDue(step)) return
      this.#do(step)
    }
  }

  #isDue(step: Step | Promised): boolean {
    const condition = 'withinMs' in step ? step.condition : step.due.when === 'condition' ? step.due.condition : null
    if (condition) return condition.pattern.holds(this.#stage, condition.values)
    // What is to be done at once follows what has been done in this very moment.
    return !('withinMs' in step) && step.due.when === 'now' && this.#next > 0
  }

  #do(step: Step | Promised): void {
    this.#next++
    this.#doneMs = this.#loop.nowMs()
    this.#flush()
    this.#lines.push({ text: step.text, answers: [] })
    if ('withinMs' in step) return
    try {
      step.command.pattern.run(this.#stage, step.command.values)
    } catch (error) {
      this.#fail(step, error instanceof Error ? error.message : String(error))
    }
  }

  #fail({ line, text }: Step | Promised, problem: string): void {
    this.#failure ??= new Error(`line ${line}, "${text}": ${problem}`)
  }

  async #runUntil(atMs: number, over: () => boolean): Promise<void> {
    for (let next = this.#loop.nowMs(); next < atMs && !over(); ) {
      next = Math.min(atMs, next + CHECK_EVERY_MS)
      await this.#loop.runUntil(next, over)
      if (!over()) this.#moment()
    }
  }

  /** Everything runs and is heard again; then all comes to rest, and is judged. */
  async #end(): Promise<void> {
    this.#flush()
    const world = this.#world
    const { network } = world
    Object.assign(network, { drop: 0, duplicate: 0, delay: [0.1, 1] })
    network.heal()
    world.database.setDown(false)
    for (const { name, process } of [...world.conductors, ...world.computes, ...world.gateways]) {
      if (process.frozen()) world.thaw(name)
      world.start(name)
    }
    const unrest = (): string[] =>
      CHECKERS.flatMap(({ name, always, atRest }) =>
        [...(always?.(world, this.#history) ?? []), ...(atRest?.(world, this.#history) ?? [])].map(v => `${name}: ${v}`),
      )
    const restByMs = this.#loop.nowMs() + REST_MS
    const rests = (): boolean => this.#stage.waiting() === 0 && unrest().length === 0
    do await this.#runUntil(this.#loop.nowMs() + LOOK_EVERY_MS, () => false)
    while (!rests() && this.#loop.nowMs() < restByMs)
    if (this.#stage.waiting() > 0) this.#violations.add('a request was never answered')
    for (const v of [...unrest(), ...(await doctorAtRest(this.#loop, world)).map(v => `the doctor finds: ${v}`)])
      this.#violations.add(this.#stage.named(v))
    this.#watch.look()
    this.#write('in the end, with everything started and heard')
    this.#flush()
    this.#write('so there is')
    this.#section = new Map(standing(world).map(([subject, text]) => [subject, [text]]))
    this.#flush()
  }

  #sectionText(): string {
    return linesOf([...this.#section].map(([subject, texts]) => [this.#stage.named(subject), this.#stage.named(texts.join(' -> '))]))
  }

  #write(text: string): void {
    this.#lines.push({ text, answers: [] })
  }

  #flush(): void {
    const text = this.#sectionText()
    if (text !== '') this.#write(text)
    this.#section = new Map()
  }
}

/** A line with its answers, equal ones counted. */
function textOf({ text, answers }: Line): string {
  if (answers.length === 0) return text
  const counts = new Map<string, number>()
  for (const answer of answers) counts.set(answer ?? 'no answer', (counts.get(answer ?? 'no answer') ?? 0) + 1)
  const said = [...counts].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([answer, count]) => (answers.length === 1 ? answer : `${count} ${answer}`))
  return `${text} -> ${said.join(', ')}`
}
