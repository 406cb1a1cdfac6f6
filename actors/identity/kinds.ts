/** What kinds of things the directory knows: how many, what makes their names unique, and what they refer to. */
import type { Kind, Resource } from './api.ts'

interface KindRule {
  /** How many there may be. */
  readonly max: number
  readonly nameMax: number
  /** Within what a name is used once; null when names may repeat. */
  within(resource: Resource): string | null
  /** What must be there for it to be. */
  refers(resource: Resource): readonly (readonly [Kind, string])[]
}

const named = (resource: Resource, attribute: string): string | null => {
  const value = resource.attributes[attribute]
  return typeof value === 'string' && value !== '' ? value : null
}

const refs = (resource: Resource, ...wanted: readonly (readonly [Kind, string])[]): (readonly [Kind, string])[] =>
  wanted.flatMap(([kind, attribute]) => {
    const id = named(resource, attribute)
    return id === null ? [] : [[kind, id] as const]
  })

const inDomain = (resource: Resource): (readonly [Kind, string])[] => (resource.domain === null ? [] : [['domain', resource.domain]])

export const KIND_RULES: Readonly<Record<Kind, KindRule>> = {
  domain: { max: 100, nameMax: 64, within: () => '', refers: () => [] },
  project: { max: 10_000, nameMax: 64, within: r => r.domain, refers: r => [...inDomain(r), ...refs(r, ['project', 'parent_id'])] },
  user: { max: 10_000, nameMax: 255, within: r => r.domain, refers: inDomain },
  group: { max: 1000, nameMax: 64, within: r => r.domain, refers: inDomain },
  role: { max: 100, nameMax: 255, within: r => r.domain ?? '', refers: inDomain },
  application_credential: {
    max: 10_000,
    nameMax: 255,
    within: r => named(r, 'user_id'),
    refers: r => refs(r, ['user', 'user_id'], ['project', 'project_id']),
  },
  region: { max: 100, nameMax: 255, within: () => null, refers: r => refs(r, ['region', 'parent_region_id']) },
  service: { max: 1000, nameMax: 255, within: () => null, refers: () => [] },
  endpoint: { max: 1000, nameMax: 255, within: () => null, refers: r => refs(r, ['service', 'service_id'], ['region', 'region_id']) },
}

/** Under which key the name of a resource is taken; null when names of its kind may repeat. */
export function nameKey(resource: Resource): string | null {
  const within = KIND_RULES[resource.kind].within(resource)
  return within === null ? null : `${resource.kind}:${within}:${resource.name}`
}

const CONTROL = /[\p{Cc}\p{Cs}]/u

/** What is wrong with a name, or null. */
export function nameProblem(kind: Kind, name: string): string | null {
  const { nameMax } = KIND_RULES[kind]
  // Regions, services and endpoints may be without a name.
  if (name === '' && KIND_RULES[kind].within({ ...NOBODY, kind }) === null) return null
  if (name.trim() === '' || name.length > nameMax) return `the name of a ${kind} has 1 to ${nameMax} characters, and not only blanks`
  return CONTROL.test(name) ? `the name of a ${kind} has no control characters` : null
}

const NOBODY: Resource = { id: '', kind: 'region', name: '', domain: '', enabled: true, attributes: { user_id: 'x' }, createdAt: 0 }
