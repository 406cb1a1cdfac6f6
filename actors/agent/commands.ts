/** The commands of one agent: those that are open, and the newest that have ended. Pure. */
import type { Json } from '../kernel/define.ts'
import type { Fault } from '../kernel/errors.ts'
import type { AgentCommand } from './body.ts'

/** Commands that wait for one agent. */
export const OPEN_MAX = 16
/** Commands that have ended and are remembered. */
const ENDED_KEPT = 8
/** Of arguments and of an answer, as JSON: both are written down. */
export const ARGS_MAX_BYTES = 8 * 1024
const VALUE_MAX_BYTES = 8 * 1024

export type OpenCommand = AgentCommand & { readonly attempt: number }
export type Commands = readonly OpenCommand[]

export const isOpen = ({ state }: AgentCommand): boolean => state === 'open'
export const openOf = (commands: Commands): Commands => commands.filter(isOpen)

export const bytesOf = (value: Json): number => Buffer.byteLength(JSON.stringify(value))

/** What the agent has answered, if that is not too long to be written down. */
export function answered(value: Json): { readonly value: Json } | { readonly fault: Fault } {
  const bytes = bytesOf(value)
  if (bytes <= VALUE_MAX_BYTES) return { value }
  const message = `it was done, but its answer has ${bytes} bytes, and at most ${VALUE_MAX_BYTES} are kept; have it answer in parts`
  return { fault: { code: 'TooLarge', message } }
}

/** Ends one; of those that have ended the newest stay. */
export function ended(commands: Commands, id: string, how: { readonly value?: Json; readonly fault?: Fault }, at: number): Commands {
  const { value = null, fault = null } = how
  const all = commands.map(each =>
    each.id === id && isOpen(each) ? { ...each, state: fault ? ('failed' as const) : ('done' as const), value, fault, endedAt: at } : each,
  )
  const over = all.filter(each => !isOpen(each)).sort((a, b) => (b.endedAt ?? 0) - (a.endedAt ?? 0))
  const kept = new Set(over.slice(0, ENDED_KEPT))
  return all.filter(each => isOpen(each) || kept.has(each))
}

/** It is under way, and asked about again. */
export const asked = (commands: Commands, id: string): Commands =>
  commands.map(each => (each.id === id ? { ...each, attempt: each.attempt + 1 } : each))

export function shown({ attempt: _, ...command }: OpenCommand): AgentCommand {
  return command
}
