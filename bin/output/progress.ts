/**
 * Operations as they happen. On a terminal the lines are painted over; elsewhere each change is one plain line, so a
 * log file reads as well. Progress goes to stderr: stdout has only the result.
 */
import type { OperationBody, StepRecord } from '../../actors/api.ts'
import { duration } from './table.ts'

export interface Progress {
  /** Shows the newest state of one operation under a label. */
  update(label: string, operation: OperationBody): void
  /** Leaves the last picture on the screen. */
  end(): void
}

export interface Screen {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

/** Above so many operations at once a terminal shows counts instead of steps. */
const DETAILED = 8

export function progress(screen: Screen = process.stderr): Progress {
  return screen.isTTY ? painted(screen) : plain(screen)
}

const MARK = { running: '…', done: '✓', failed: '✗' } as const

const stepName = (step: StepRecord): string =>
  `${step.direction === 'undo' ? 'undo ' : ''}${step.name}${step.attempt > 1 ? ` (attempt ${step.attempt})` : ''}`

/** `spawn ✓ 1.2 s`, with the reason of a failure. */
export function stepText(step: StepRecord): string {
  const took = step.endedAt === null ? '' : ` ${duration(step.endedAt - step.startedAt)}`
  return `${stepName(step)} ${MARK[step.state]}${took}${step.fault === null ? '' : `: ${step.fault.message}`}`
}

/** One line for an operation: its steps so far and the ones to come. */
export function operationLine(label: string, operation: OperationBody): string {
  const begun = new Set(operation.steps.map(s => s.name))
  const toCome = operation.endedAt === null && operation.status === 'running' ? operation.plan.filter(name => !begun.has(name)) : []
  const state = operation.endedAt === null ? operation.status : `${operation.status} in ${duration(operation.endedAt - operation.startedAt)}`
  return `${label}  ${operation.kind} ${state}  ${[...operation.steps.map(stepText), ...toCome].join(', ')}`
}

/** One line for many: how many are at which step. */
export function summaryLine(operations: readonly OperationBody[]): string {
  const counts = new Map<string, number>()
  for (const operation of operations) {
    const step = operation.steps.findLast(s => s.state === 'running')
    const at = operation.endedAt === null ? (step === undefined ? 'waiting' : stepName(step)) : operation.status
    counts.set(at, (counts.get(at) ?? 0) + 1)
  }
  return `${operations.length} operations: ${[...counts].map(([at, count]) => `${count} ${at}`).join(', ')}`
}

function painted(screen: Screen): Progress {
  const latest = new Map<string, OperationBody>()
  let height = 0
  const paint = (): void => {
    const all = [...latest]
    const lines = all.length > DETAILED ? [summaryLine(all.map(([, o]) => o))] : all.map(([label, o]) => operationLine(label, o))
    const width = Math.max(20, (screen.columns ?? 80) - 1)
    const up = height === 0 ? '' : `\x1b[${height}A`
    screen.write(`${up}${lines.map(line => `\r\x1b[2K${line.slice(0, width)}\n`).join('')}\x1b[J`)
    height = lines.length
  }
  return {
    update(label, operation) {
      latest.set(label, operation)
      paint()
    },
    end() {
      height = 0
    },
  }
}

function plain(screen: Screen): Progress {
  const said = new Map<string, Set<string>>()
  return {
    update(label, operation) {
      const before = said.get(label) ?? new Set()
      said.set(label, before)
      const lines = operation.steps.map(stepText)
      if (operation.endedAt !== null) lines.push(`${operation.kind} ${operation.status} in ${duration(operation.endedAt - operation.startedAt)}`)
      for (const line of lines) {
        if (before.has(line)) continue
        before.add(line)
        screen.write(`${label}  ${line}\n`)
      }
    },
    end() {},
  }
}
