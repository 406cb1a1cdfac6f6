/** The actors of production under the model of guests, and what the planted bugs make of them. */
import { hostActor } from '../../actors/host/host.ts'
import { instanceActor } from '../../actors/instance/instance.ts'
import { emptyMap } from '../../actors/kernel/bucket-map.ts'
import type { AnyActor } from '../../actors/kernel/define.ts'
import { catalogue } from '../../actors/operation/catalogue/index.ts'
import { operationActor } from '../../actors/operation/operation.ts'
import type { OperationSpec, Step } from '../../actors/operation/step.ts'
import type { GuestBug } from './guests-state.ts'

export function actorsOf(bug: GuestBug | null): ReadonlyMap<string, AnyActor> {
  const host: AnyActor = hostActor({ vcpu: 1, ram: 1, disk: 1 })
  const forgetful: AnyActor = { ...host, evolve: (state, event, at) => ({ ...host.evolve(state, event, at), released: emptyMap }) }
  const operation: AnyActor = operationActor(new Map([...catalogue()].map(([kind, spec]) => [kind, changed(spec, bug)])))
  return new Map<string, AnyActor>([
    ['instance', instanceActor],
    ['operation', operation],
    ['host', bug === 'release leaves no mark' ? forgetful : host],
  ])
}

function changed(spec: OperationSpec, bug: GuestBug | null): OperationSpec {
  const without = (name: string): readonly Step[] => spec.steps.filter(s => s.name !== name)
  if (bug === 'spawn before claim' && spec.kind === 'build') {
    const claim = spec.steps.filter(s => s.name === 'claim')
    return { ...spec, steps: [...without('claim'), ...claim] }
  }
  if (bug === 'evacuate without fence' && spec.kind === 'evacuate') return { ...spec, steps: without('fenced') }
  if (bug === 'migrate without stop' && spec.kind === 'migrate') return { ...spec, steps: without('stop') }
  return spec
}
