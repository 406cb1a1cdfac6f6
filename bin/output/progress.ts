/**
 * Operations as they happen. On a terminal the lines are painted over; elsewhere each change is one plain line, so a
 * log file reads as well. Progress goes to stderr: stdout has only the result.
 */
import type { Progress as Figures, OperationBody, StepRecord } from '../../actors/api.ts'
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

const MIB = 1024 ** 2

/** `memory 40 of 64 MiB left, disk 0 of 1024 MiB left` of a transfer, `12 of 50 moved, 1 failed` of a drain. */
export function progressText(figures: Figures): string {
  const { total, moved, failed, memoryTotalBytes = 0, memoryRemainingBytes = 0, diskTotalBytes = 0, diskRemainingBytes = 0 } = figures
  if (total !== undefined && moved !== undefined) return `${moved} of ${total} moved${failed ? `, ${failed} failed` : ''}`
  const left = (what: string, rest: number, all: number): string[] =>
    all > 0 ? [`${what} ${Math.ceil(rest / MIB)} of ${Math.ceil(all / MIB)} MiB left`] : []
  return [...left('memory', memoryRemainingBytes, memoryTotalBytes), ...left('disk', diskRemainingBytes, diskTotalBytes)].join(', ')
}

/** `spawn ✓ 1.2 s`, with how far it is, and the reason of a failure. */
export function stepText(step: StepRecord): string {
  const took = step.endedAt === null ? '' : ` ${duration(step.endedAt - step.startedAt)}`
  const far = step.progress && step.state === 'running' ? ` (${progressText(step.progress)})` : ''
  return `${stepName(step)} ${MARK[step.state]}${far}${took}${step.fault === null ? '' : `: ${step.fault.message}`}`
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
