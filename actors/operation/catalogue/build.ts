/** Build: find a host, claim room on it, spawn the guest there. A host that refuses or fails is left out, and the next is tried. */
import { minutes } from '../../kernel/env.ts'
import { guestSpec, hypervisor, operation, type StepContext, step } from '../step.ts'
import { awaitAgent, expectAgent } from './guest-steps.ts'
import { candidatesOf, claim, elsewhere, nextCandidate, noHostLeft, pick, picked, refusedBy, texts, unclaim } from './placing.ts'

/** Hosts on which a spawn may fail before the build gives up. */
const SPAWN_FAILURES = 3

const hostOf = (c: StepContext): string => candidatesOf(c.found)[0] ?? ''
const failedOn = (c: StepContext): string[] => texts(c.found.failedOn)

export const build = operation('build', {
  deadlineMs: minutes(30),
  cancellable: true,
  steps: [
    step('place', {
      do: c => {
        const { placement } = c.args.spec
        const hosts = failedOn(c)
        const failed = hosts.length > 0 ? { failed: { operation: c.operation, hosts } } : {}
        return pick(c, { boots: true, avoid: refusedBy(c), ...(placement?.host === undefined ? {} : { host: placement.host }), ...failed })
      },
      save: (_, answer) => picked(answer),
      onFault: noHostLeft,
      attempts: 20,
    }),
    step('claim', {
      do: c => claim(c, hostOf(c)),
      undo: c => unclaim(c, hostOf(c)),
      onFault: (c, fault) => (fault.code === 'HostRefused' ? nextCandidate(c) : { next: 'retry' }),
    }),
    expectAgent(hostOf),
    step('spawn', {
      do: c => hypervisor(c, hostOf(c), 'spawn', { spec: guestSpec(c) }),
      undo: c => hypervisor(c, hostOf(c), 'destroy'),
      onFault: (c, fault) => {
        const hosts = [...failedOn(c), hostOf(c)]
        return hosts.length >= SPAWN_FAILURES ? { next: 'giveUp' } : elsewhere(c, hostOf(c), fault, { failedOn: hosts })
      },
      timeoutMs: minutes(10),
      attempts: 1,
    }),
    awaitAgent(hostOf),
  ],
  leaves: ({ operation, found, at }) => (at === 'place' ? { host: null, claim: null } : { host: candidatesOf(found)[0] ?? null, claim: operation }),
})
