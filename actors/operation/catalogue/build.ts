/** Build: find a host, claim room on it, spawn the guest there. A host that refuses or fails is left out, and the next is tried. */
import { address } from '../../kernel/address.ts'
import type { Json } from '../../kernel/define.ts'
import { minutes } from '../../kernel/env.ts'
import { giveUpWhenRefused, hypervisor, type OnFault, operation, type StepContext, step } from '../step.ts'

/** Hosts on which a spawn may fail before the build gives up. */
const SPAWN_FAILURES = 3

const hostOf = (c: StepContext): string => candidates(c)[0] ?? ''
const texts = (value: Json | undefined): string[] => (Array.isArray(value) ? value.filter(v => typeof v === 'string') : [])
const candidates = (c: StepContext): string[] => texts(c.found.candidates)
const refusedBy = (c: StepContext): string[] => texts(c.found.refusedBy)
const resources = (c: StepContext) => {
  const { vcpus, ramMb, diskGb } = c.args.spec.flavor
  return { vcpus, ramMb, diskGb }
}

/** The next candidate at once; a new choice when there is none left. */
function nextCandidate(c: StepContext): OnFault {
  const [refused, ...rest] = candidates(c)
  const found = { candidates: rest, refusedBy: [...refusedBy(c), refused ?? ''] }
  return { next: 'goBack', to: rest.length > 0 ? 'claim' : 'place', found }
}

export const build = operation('build', {
  deadlineMs: minutes(30),
  cancellable: true,
  steps: [
    step('place', {
      do: c => ({
        to: address('scheduler', 'local'),
        method: 'pick',
        args: { ...resources(c), image: c.args.spec.image, boots: true, avoid: refusedBy(c) },
      }),
      save: (_, answer) => ({ candidates: (answer as { hosts: string[] }).hosts }),
      onFault: giveUpWhenRefused,
      attempts: 20,
    }),
    step('claim', {
      do: c => ({
        to: address('host', hostOf(c)),
        method: 'claim',
        args: { claim: c.operation, order: c.order, instance: c.subject, ...resources(c) },
      }),
      undo: c => ({ to: address('host', hostOf(c)), method: 'release', args: { claim: c.operation, order: c.order } }),
      onFault: (c, fault) => (fault.code === 'HostRefused' ? nextCandidate(c) : { next: 'retry' }),
    }),
    step('spawn', {
      do: c =>
        hypervisor(c, hostOf(c), 'spawn', {
          spec: { name: c.args.spec.name, image: c.args.spec.image, metadata: c.args.spec.metadata, ...resources(c) },
        }),
      undo: c => hypervisor(c, hostOf(c), 'destroy'),
      onFault: c => {
        if (refusedBy(c).length + 1 >= SPAWN_FAILURES) return { next: 'giveUp' }
        return { next: 'goBack', to: 'place', found: { refusedBy: [...refusedBy(c), hostOf(c)] } }
      },
      timeoutMs: minutes(10),
      attempts: 1,
    }),
  ],
  leaves: ({ operation, found, at }) =>
    at === 'place' ? { host: null, claim: null } : { host: texts(found.candidates)[0] ?? null, claim: operation },
})
