/** `create NAME OPTIONS…`: what is asked for when an instance is created. */
import { type CreateInstances, HA_POLICIES } from '../../actors/api.ts'
import { FAKE_IMAGE } from '../../actors/hypervisor/drivers/images.ts'
import { DRIVER_METHODS } from '../../actors/hypervisor/drivers/rules.ts'
import type { Command } from './commands.ts'
import { namesOf, timeMs } from './words.ts'

type Asked = Pick<CreateInstances, 'flavor' | 'project' | 'metadata' | 'placement' | 'ha'>

/** Every method of the driver takes as long unless it is said otherwise, so that no dice decide what comes first, ms. */
const TAKES_MS = 200

/** Memory of the flavor tiny. */
const TINY_BYTES = 64 * 1024 * 1024

const DEFAULTS: Asked = {
  flavor: 'tiny',
  project: 'shop',
  metadata: Object.fromEntries(DRIVER_METHODS.map(method => [`fake:${method}_ms`, String(TAKES_MS)])),
}

/** Each takes one word or two, and changes what is asked for; null when the words are not right. */
const OPTIONS: Readonly<Record<string, { readonly words: number; apply(asked: Asked, words: readonly string[]): Asked | null }>> = {
  flavor: { words: 1, apply: (asked, [flavor = '']) => ({ ...asked, flavor }) },
  project: { words: 1, apply: (asked, [project = '']) => ({ ...asked, project }) },
  on: { words: 1, apply: (asked, [host = '']) => ({ ...asked, placement: { ...asked.placement, host } }) },
  group: { words: 1, apply: (asked, [group = '']) => ({ ...asked, placement: { ...asked.placement, group } }) },
  ha: {
    words: 1,
    apply(asked, [word]) {
      const ha = HA_POLICIES.find(policy => policy === word)
      return ha ? { ...asked, ha } : null
    },
  },
  failing: { words: 1, apply: (asked, [methods = '']) => ({ ...asked, metadata: { ...asked.metadata, 'fake:fail': methods } }) },
  /** Its memory takes so long to be sent to another host. */
  moving: {
    words: 1,
    apply(asked, [time = '']) {
      const ms = timeMs(time)
      if (ms === null) return null
      const rates = { 'fake:migrate_bytes_per_s': String(Math.ceil((TINY_BYTES * 1000) / ms)), 'fake:dirty_bytes_per_s': '0' }
      return { ...asked, metadata: { ...asked.metadata, ...rates } }
    },
  },
  taking: {
    words: 2,
    apply(asked, [time = '', method]) {
      const ms = timeMs(time)
      return ms === null ? null : { ...asked, metadata: { ...asked.metadata, [`fake:${method}_ms`]: String(ms) } }
    },
  },
}

/** What is asked for, or what is wrong with it. */
export function askedOf(words: readonly string[]): Asked | string {
  let asked = DEFAULTS
  for (let i = 0; i < words.length; ) {
    const name = words[i] ?? ''
    const option = OPTIONS[name]
    if (!option) return `create knows no "${name}", only ${Object.keys(OPTIONS).join(', ')}`
    const next = i + 1 + option.words > words.length ? null : option.apply(asked, words.slice(i + 1, i + 1 + option.words))
    if (!next) return `"${name}" has no such value`
    asked = next
    i += 1 + option.words
  }
  return asked
}

export const CREATE: Command = {
  usage: 'create NAME REST',
  problem([, ...words]) {
    const asked = askedOf(words)
    return typeof asked === 'string' ? asked : null
  },
  run(stage, [names = '', ...words]) {
    const asked = askedOf(words)
    if (typeof asked === 'string') throw new Error(asked)
    for (const name of namesOf(names)) {
      const id = stage.idOf(name)
      const wanted = { ...asked, ids: [id], name, image: FAKE_IMAGE.id, reservation: 'r-1', repeatable: true }
      stage.ask(
        (api, requestId) => api.createInstances({ ...wanted, requestId }),
        () => stage.history.created.set(id, stage.loop.nowMs()),
      )
    }
  },
}
