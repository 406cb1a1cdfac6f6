/**
 * Placement's microversions, as far as they show here: the one table that knows what came when. Routes, schemas and views name a change;
 * the numbers are those of Placement's version history. `docs/placement-api.md` is about what is left out, and why.
 */
import type { Change } from '../requests/changes.ts'

export const PLACEMENT_CHANGES = {
  'provider.aggregates': { since: 1, what: 'aggregates of a provider' },
  classes: { since: 2, what: 'custom resource classes' },
  'provider.member-of': { since: 3, what: 'providers can be listed by member_of' },
  'provider.resources': { since: 4, what: 'providers can be listed by resources' },
  'inventories.delete': { since: 5, what: 'all inventories of a provider can be deleted at once' },
  traits: { since: 6, what: 'traits' },
  'classes.put': { since: 7, what: 'PUT of a resource class makes it, and has no body; before, it gave it another name' },
  usages: { since: 9, what: 'usages of a project and a user' },
  candidates: { since: 10, what: 'allocation candidates' },
  'provider.allocations-link': { since: 11, what: 'providers link to their allocations' },
  'allocations.by-provider': { since: 12, what: 'allocations are by provider; they show project and user' },
  'allocations.post': { since: 13, what: 'allocations of several consumers at once' },
  tree: { since: 14, what: 'providers show their parent and root, and can be listed by in_tree' },
  'last-modified': { since: 15, what: 'answers say when they were made, and are not to be kept' },
  'candidates.limit': { since: 16, what: 'limit of allocation candidates' },
  'candidates.required': { since: 17, what: 'required traits of candidates; summaries show traits' },
  'provider.required': { since: 18, what: 'providers can be listed by required traits' },
  'aggregates.generation': { since: 19, what: 'aggregates of a provider come with its generation' },
  'candidates.member-of': { since: 21, what: 'candidates by member_of' },
  'required.forbidden': { since: 22, what: 'forbidden traits, with ! before them' },
  'error.code': { since: 23, what: 'errors have a code' },
  'member-of.repeated': { since: 24, what: 'member_of may be said several times' },
  'candidates.groups': { since: 25, what: 'numbered groups of resources, and group_policy' },
  'candidates.all-classes': { since: 27, what: 'summaries show all resource classes of a provider' },
  'consumer.generation': { since: 28, what: 'consumers have a generation' },
  'candidates.tree': { since: 29, what: 'summaries show parent and root' },
  reshaper: { since: 30, what: 'the reshaper' },
  'candidates.in-tree': { since: 31, what: 'candidates by in_tree' },
  'member-of.forbidden': { since: 32, what: 'aggregates that a provider may not be in, with ! before them' },
  'candidates.suffix': { since: 33, what: 'groups may have names' },
  'candidates.mappings': { since: 34, what: 'candidates say which group came from which provider' },
  'candidates.root-required': { since: 35, what: 'traits of the root of a tree' },
  'candidates.same-subtree': { since: 36, what: 'groups in one part of a tree' },
  'consumer.type': { since: 38, what: 'consumers have a type; usages are told by it' },
  'required.any': { since: 39, what: 'required may be said several times, and as in:A,B' },
} as const satisfies Readonly<Record<string, Change>>

export type PlacementChange = keyof typeof PLACEMENT_CHANGES

/** Whether microversion 1.`minor` has that change. */
export const since = (minor: number, change: PlacementChange): boolean => minor >= PLACEMENT_CHANGES[change].since

/** Marks a parameter as coming with a change; sent to an earlier version it is refused as unknown. */
export const from = <S extends object>(change: PlacementChange, schema: S): S => ({ ...schema, 'x-since': PLACEMENT_CHANGES[change].since })

/** The config of a route that came with a change. */
export const arrives = (change: PlacementChange) => ({ placementSince: PLACEMENT_CHANGES[change].since })
