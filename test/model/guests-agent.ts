/**
 * A compute host's agent and its driver as a value. Which command is too late or a repetition is decided by the rules of production
 * (`drivers/rules.ts`); what is remembered of obeyed commands (`hypervisor.ts`) and what a command makes of a guest (`drivers/fake.ts`)
 * is repeated here in a few lines, because there it is woven into promises.
 */
import { admit, type DriverMethod, type Standing } from '../../actors/hypervisor/drivers/rules.ts'
import { BatonError, type Fault, toFault } from '../../actors/kernel/errors.ts'

export interface Guest extends Standing {
  readonly running: boolean
}

export interface Agent {
  /** Without power nothing runs and nothing is heard. What stands on disk stays. */
  readonly power: boolean
  readonly guests: Readonly<Record<string, Guest>>
  /** Rank of the destruction of guests that are gone. */
  readonly graves: Readonly<Record<string, number>>
  /** What was obeyed last, for each guest; lost with the agent. */
  readonly newest: Readonly<Record<string, { readonly order: number; readonly fault: Fault | null }>>
}

export const NEW_AGENT: Agent = { power: true, guests: {}, graves: {}, newest: {} }

export interface AgentCommand {
  readonly instance: string
  readonly order: number
  readonly running?: boolean
}

export interface Obeyed {
  readonly agent: Agent
  readonly fault: Fault | null
}

const MADE: ReadonlySet<string> = new Set(['spawn', 'receive'])
const METHODS = ['spawn', 'receive', 'start', 'stop', 'destroy'] as const satisfies readonly DriverMethod[]
type Method = (typeof METHODS)[number]

/** `fails`: the driver cannot do it, this time. `anyOrder`: a planted bug, commands are obeyed whatever their rank. */
export function obey(agent: Agent, method: string, command: AgentCommand, how: { fails: boolean; anyOrder: boolean }): Obeyed {
  const { instance, order } = command
  const known = METHODS.find(m => m === method)
  if (!known) throw new Error(`the agent of the model has no method ${method}`)
  const newest = agent.newest[instance]
  try {
    if (!how.anyOrder && newest) {
      if (order < newest.order) throw new BatonError('StaleCommand', 'outranked')
      if (order === newest.order) return { agent, fault: newest.fault }
    }
    const standing = how.anyOrder ? undefined : agent.guests[instance]
    const admitted = admit(known, order, standing, how.anyOrder ? undefined : agent.graves[instance])
    if (how.fails && MADE.has(method)) throw new BatonError('DriverFault', 'as it was told to')
    const next = admitted === 'done' ? agent : done(agent, known, command)
    return { agent: remember(next, instance, order, null), fault: null }
  } catch (error) {
    const fault = toFault(error)
    return { agent: fault.code === 'StaleCommand' ? agent : remember(agent, instance, order, fault), fault }
  }
}

const remember = (agent: Agent, instance: string, order: number, fault: Fault | null): Agent => ({
  ...agent,
  newest: { ...agent.newest, [instance]: { order, fault } },
})

function done(agent: Agent, method: Method, { instance, order, running }: AgentCommand): Agent {
  const { [instance]: guest, ...others } = agent.guests
  if (method === 'destroy') return { ...agent, guests: others, graves: { ...agent.graves, [instance]: order } }
  if (!guest && !MADE.has(method)) throw new BatonError('DriverFault', 'there is no such guest')
  const runs = method === 'receive' ? running === true : method !== 'stop'
  return { ...agent, guests: { ...others, [instance]: { begun: order, order, method, running: runs } } }
}

/** The power is cut: nothing runs any more, and the agent is gone with what it remembered. */
export const cutPower = (agent: Agent): Agent => ({
  ...restarted(agent),
  power: false,
  guests: Object.fromEntries(Object.entries(agent.guests).map(([instance, guest]) => [instance, { ...guest, running: false }])),
})

export const restarted = (agent: Agent): Agent => ({ ...agent, newest: {} })
