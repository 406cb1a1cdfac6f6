/** A line of a log as people read it. */
import type { LogLine } from '../../actors/api.ts'
import { printable } from './table.ts'

/** Fields that stand first, in this order. */
const FIRST = ['requestId', 'operation', 'instance'] as const

const valueText = (value: unknown): string => (typeof value === 'string' && /^[^\s"]+$/.test(value) ? value : JSON.stringify(value))

/** `2026-01-31 12:00:05.123 conductor-1 WARN  a request could not be served  requestId=req-… method=GET` */
export function logLine({ at, node, level, message, fields }: LogLine): string {
  const names = [...FIRST.filter(name => name in fields), ...Object.keys(fields).filter(name => !FIRST.some(first => first === name))]
  const told = names.map(name => `${name}=${valueText(fields[name])}`).join(' ')
  const time = Number.isFinite(at) ? new Date(at).toISOString().slice(0, 23).replace('T', ' ') : '-'
  return printable(`${time} ${node} ${level.toUpperCase().padEnd(5)} ${message}${told === '' ? '' : `  ${told}`}`)
}
