/** Where a scenario plays: a simulated cluster, what its names mean, clients that ask until they are answered, and the log. */
import { createHash } from 'node:crypto'
import type { ClusterApi, InstanceBody, OperationBody } from '../../actors/api.ts'
import { shardOf } from '../../actors/kernel/address.ts'
import { BatonError, isTransient, toFault } from '../../actors/kernel/errors.ts'
import { bodies } from '../sim/checkers/checker.ts'
import type { History } from '../sim/history.ts'
import type { Loop } from '../sim/loop.ts'
import type { DriverCommand } from '../sim/probes.ts'
import type { World } from '../sim/world.ts'

/** A client that has heard nothing for so long asks again. */
const PATIENCE_MS = 25_000
const AGAIN_MS = 300

export interface Stage {
  readonly loop: Loop
  readonly world: World
  readonly history: History
  /** The command that a driver is about to obey or has obeyed at this very moment. */
  readonly command: { readonly phase: 'told' | 'did'; readonly command: DriverCommand } | null
  /** The host of the newest condition about any host, or the newest owner that was named. */
  it: string | null
  /** The instance's id, always the same for the same name. */
  idOf(name: string): string
  /** Names instead of ids, in any text. */
  named(text: string): string
  instance(name: string): InstanceBody | undefined
  /** The operation it is in, or was in last. */
  operation(name: string): OperationBody | undefined
  /** The nodes that a word means; rejects what is not there. */
  nodes(word: string): readonly string[]
  /** Asks until there is an answer that is about the request and not about the way. The answer stands behind the command in the log. */
  ask<T>(request: (api: ClusterApi, requestId: string) => Promise<T>, then?: (answer: T, requestId: string) => void): void
  /** Requests without an answer. */
  waiting(): number
}

export const idOf = (name: string): string => {
  const hex = createHash('sha256').update(name).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

export interface StageOptions {
  readonly loop: Loop
  readonly world: World
  readonly history: History
  readonly command: () => Stage['command']
  /** A place for the answer to a request of the command that is being run. */
  readonly expectAnswer: () => (answer: string) => void
}

export function createStage({ loop, world, history, command, expectAnswer }: StageOptions): Stage {
  const names = new Map<string, string>()
  const pause = (ms: number): Promise<void> => new Promise(resolve => void loop.schedule(ms, () => resolve()))
  let waiting = 0
  let requests = 0

  function ownerOf(name: string): readonly string[] {
    const { owners, conductors } = world.database.tables
    const node = conductors.get(owners[shardOf(stage.idOf(name))] ?? 0)?.nodeId
    if (node === undefined) throw new Error(`nobody owns ${name}`)
    stage.it = node
    return [node]
  }

  async function insist<T>(request: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        const patience = pause(PATIENCE_MS).then(() => Promise.reject(new BatonError('DeadlineExceeded', 'no answer')))
        return await Promise.race([request(), patience])
      } catch (error) {
        const noGateway = error instanceof Error && error.message === 'no gateway runs'
        if (!noGateway && !isTransient(toFault(error))) throw error
        await pause(AGAIN_MS)
      }
    }
  }

  const stage: Stage = {
    loop,
    world,
    history,
    it: null,
    get command() {
      return command()
    },
    idOf(name) {
      const id = idOf(name)
      names.set(id, name)
      return id
    },
    named(text) {
      let said = text
      for (const [id, name] of names) said = said.replaceAll(id, name)
      return said
    },
    instance: name => bodies<InstanceBody>(world, 'instance').find(i => i.id === stage.idOf(name)),
    operation(name) {
      const own = bodies<OperationBody>(world, 'operation').filter(o => o.subject === stage.idOf(name))
      return own.toSorted((a, b) => Number(a.id.split('.')[1]) - Number(b.id.split('.')[1])).at(-1)
    },
    nodes(word) {
      if (word === 'conductors') return world.conductors.map(n => n.name)
      if (word === 'hosts') return world.computes.map(n => n.name)
      if (word.startsWith('owner-of-')) return ownerOf(word.slice('owner-of-'.length))
      const name = word === 'it' ? stage.it : word
      if (![...world.conductors, ...world.computes, ...world.gateways].some(n => n.name === name))
        throw new Error(`there is no ${name ?? 'host to be meant by it'}`)
      return [name ?? '']
    },
    ask(request, then) {
      const answered = expectAnswer()
      // The same over all attempts: so a request that comes again is known.
      const requestId = `req-${++requests}`
      waiting++
      insist(() => request(world.api(), requestId))
        .then(
          answer => {
            then?.(answer, requestId)
            answered('accepted')
          },
          error => answered(`refused: ${toFault(error).code}`),
        )
        .finally(() => waiting--)
    },
    waiting: () => waiting,
  }
  return stage
}
