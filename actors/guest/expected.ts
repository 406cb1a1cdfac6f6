/** What the properties of an image say of its guests: of an agent in them, and of how they learn who they are. Pure. */
import type { ExpectedAgent, ImageBody } from '../api.ts'
import { BatonError } from '../kernel/errors.ts'

/** `required`: an instance is not active before its agent says so. `optional`: its agent is listened to, and waited for by nobody. */
const WORDS = ['required', 'optional'] as const
/** A system boots within this on a slow machine, ms. */
const BOOT_MS = 120_000
/** An operation waits no longer for one answer, s. */
const BOOT_MAX_S = 600

/** Null for an image that says nothing. Throws `BadRequest` for what makes no sense. */
export function expectedAgent({ id, properties }: Pick<ImageBody, 'id' | 'properties'>, bootMs: number = BOOT_MS): ExpectedAgent | null {
  const { baton_agent: word, baton_agent_timeout_s: timeout } = properties
  if (word === undefined) return null
  if (word !== 'required' && word !== 'optional')
    throw new BatonError('BadRequest', `image ${id} has baton_agent=${word}; it must be one of ${WORDS.join(', ')}`)
  if (timeout === undefined) return { required: word === 'required', bootMs }
  const seconds = Number(timeout)
  if (!Number.isSafeInteger(seconds) || seconds < 1 || seconds > BOOT_MAX_S)
    throw new BatonError('BadRequest', `image ${id} has baton_agent_timeout_s=${timeout}; it must be a whole number from 1 to ${BOOT_MAX_S}`)
  return { required: word === 'required', bootMs: seconds * 1000 }
}

/** The form of config drive that an image looks for; undefined: OpenStack's. Throws `BadRequest` for one that there is not. */
export function driveOf({ id, properties }: Pick<ImageBody, 'id' | 'properties'>): 'nocloud' | undefined {
  const { baton_config_drive: word = 'openstack' } = properties
  if (word === 'nocloud') return word
  if (word === 'openstack') return undefined
  throw new BatonError('BadRequest', `image ${id} has baton_config_drive=${word}; it must be openstack or nocloud`)
}
