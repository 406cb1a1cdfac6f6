/**
 * Steps that make an image of an instance: say that it is coming, copy the guest's disk on its host, upload the copy, say that it is there. On the
 * way back the image is gone first, then the host throws the copy away and does not make it again. The instance goes on all the while.
 */

import type { SendingLook } from '../../hypervisor/looks.ts'
import { address } from '../../kernel/address.ts'
import { minutes, seconds } from '../../kernel/env.ts'
import { giveUpWhenRefused, hypervisor, type Request, type StepContext, step } from '../step.ts'

/** Time a look at an upload is held by the host, ms. */
const UPLOAD_LOOK_MS = 2500

const imageOf = (c: StepContext): string => c.args.change?.snapshot?.image ?? ''
const hostOf = (c: StepContext): string => c.args.host ?? ''
const told = (c: StepContext, method: string, args: object): Request => ({ to: address('image', imageOf(c)), method, args })

const discard = (c: StepContext): Request => told(c, 'discard', { operation: c.operation })

function definition(c: StepContext) {
  const { spec, change } = c.args
  const { name = '', properties = {}, driver = '', backupType = null } = change?.snapshot ?? {}
  return { name, properties, driver, backupType, project: spec.project, instance: c.subject, operation: c.operation, host: c.args.host }
}

const sizeIn = (answer: unknown): number =>
  typeof answer === 'object' && answer !== null && 'sizeBytes' in answer && typeof answer.sizeBytes === 'number' ? answer.sizeBytes : 0

/** What no other try of an upload will change: its host has lost the copy, the image is gone, the project is full, this upload was given up. */
const IN_VAIN: ReadonlySet<string> = new Set(['NotFound', 'QuotaExceeded', 'Conflict'])

const isLook = (answer: unknown): answer is SendingLook => typeof answer === 'object' && answer !== null && 'done' in answer

/** The image that the operation's bytes become. */
export const imageStep = step('image', {
  do: c => told(c, 'create', definition(c)),
  undo: discard,
  onFault: giveUpWhenRefused,
})

export const makeImage = [
  imageStep,
  step('save', {
    do: c => hypervisor(c, hostOf(c), 'snapshot', { image: imageOf(c) }),
    save: (_, answer) => ({ sizeBytes: sizeIn(answer) }),
    undo: c => hypervisor(c, hostOf(c), 'discardSnapshot', { image: imageOf(c) }),
    timeoutMs: minutes(5),
  }),
  step('upload', {
    do: c => ({
      to: address('compute', hostOf(c)),
      method: 'uploadImage',
      args: { image: imageOf(c), upload: c.operation, waitMs: UPLOAD_LOOK_MS },
    }),
    // It may be active already. Whoever sees an image finds its bytes: so it is gone before they are, should the deadline come in between.
    undo: discard,
    again: (_, answer) => (isLook(answer) && !answer.done ? { sentBytes: answer.sentBytes, totalBytes: answer.totalBytes } : null),
    onFault: (_, { code }) => {
      // Without an image store, or with an agent that knows of none, the image stays where it was made.
      if (code === 'DriverUnsupported' || code === 'UnknownMethod') return { next: 'skip' }
      return { next: IN_VAIN.has(code) ? 'turnBack' : 'retry' }
    },
    timeoutMs: seconds(20),
    attempts: 20,
  }),
  step('activate', {
    do: c => told(c, 'activate', { operation: c.operation, sizeBytes: Number(c.found.sizeBytes ?? 0) }),
    // Somebody may have deleted the image meanwhile.
    onFault: giveUpWhenRefused,
    attempts: 20,
  }),
]
