/** An operation as it goes: its plan as a line of steps, and each step with its times, tries and fault. */
import type { OperationBody, StepRecord } from '../../../actors/api.ts'
import { clockTime, duration } from '../format.ts'
import { useNow } from '../live.ts'
import { FaultBox, toneOf } from './bits.tsx'

const MARKS: Readonly<Record<StepRecord['state'], string>> = { done: '✓', running: '…', failed: '✗' }

/** The newest record of each step of the plan. */
export function PlanLine({ operation: { plan, steps } }: { operation: OperationBody }) {
  return (
    <span class="plan">
      {plan.map(name => {
        const record = steps.findLast(step => step.name === name)
        const text = record ? `${name}: ${record.direction === 'undo' ? 'undo ' : ''}${record.state}` : `${name}: not begun`
        return <i key={name} class={record ? `${toneOf(record.state)} ${record.direction}` : ''} title={text} role="img" aria-label={text} />
      })}
    </span>
  )
}

export function Steps({ operation: { plan, steps } }: { operation: OperationBody }) {
  const now = useNow()
  const toCome = plan.filter(name => !steps.some(step => step.name === name))
  return (
    <ol class="steps">
      {steps.map(step => (
        <li key={`${step.direction} ${step.name}`} class={toneOf(step.state)}>
          <span class="mark" aria-hidden="true">
            {MARKS[step.state]}
          </span>
          <strong>
            {step.direction === 'undo' ? 'undo ' : ''}
            {step.name}
          </strong>{' '}
          <span class="dim">
            {step.state}, {clockTime(step.startedAt)}, {duration(Math.max(0, (step.endedAt ?? now) - step.startedAt))}
            {step.attempt > 1 && `, try ${step.attempt}`}
          </span>
          {step.progress && (
            <span class="dim">
              {' '}
              {Object.entries(step.progress)
                .map(([name, value]) => `${name} ${value}`)
                .join(', ')}
            </span>
          )}
          {step.fault && <FaultBox fault={step.fault} />}
        </li>
      ))}
      {toCome.map(name => (
        <li key={name} class="dim">
          <span class="mark" aria-hidden="true">
            ·
          </span>
          {name}
        </li>
      ))}
    </ol>
  )
}
