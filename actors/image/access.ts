/** Which images a list shows, and in which order: pure functions over what an image says of itself. */
import { aboutOf, hasSize, type ImageAsker, type ImageBody, type ImageFilter, type ImageSort, type TimeFilter } from './body.ts'

/**
 * Whether a list shows it to who asks. Nobody's list has community images of others, or images that were offered and not accepted, unless
 * it asks for them.
 */
function isListed(image: ImageBody, { project, admin }: ImageAsker, filter: ImageFilter): boolean {
  const { visibility } = aboutOf(image)
  if (filter.visibility !== undefined && filter.visibility !== 'all' && filter.visibility !== visibility) return false
  if (admin || visibility === 'public') return true
  if (image.project === project && project !== null) return true
  if (visibility === 'community') return filter.visibility === 'community' || filter.visibility === 'all' || filter.owner !== undefined
  const member = project === null ? undefined : image.members?.[project]
  if (visibility !== 'shared' || !member) return false
  const wanted = filter.memberStatus ?? 'accepted'
  return wanted === 'all' || wanted === member.status
}

const among = (values: readonly string[] | undefined, value: string | null): boolean =>
  values === undefined || (value !== null && values.includes(value))

const seconds = (ms: number): number => Math.floor(ms / 1000)

const COMPARE: Readonly<Record<TimeFilter['operator'], (a: number, b: number) => boolean>> = {
  gt: (a, b) => a > b,
  gte: (a, b) => a >= b,
  eq: (a, b) => a === b,
  neq: (a, b) => a !== b,
  lt: (a, b) => a < b,
  lte: (a, b) => a <= b,
}

const within = (at: number, filters: readonly TimeFilter[] = []): boolean =>
  filters.every(({ operator, at: bound }) => COMPARE[operator](seconds(at), seconds(bound)))

/** Whether a list of these filters has it, for who asks. */
export function matches(image: ImageBody, filter: ImageFilter, asker: ImageAsker): boolean {
  const about = aboutOf(image)
  const size = hasSize(image) ? image.sizeBytes : null
  return (
    isListed(image, asker, filter) &&
    about.hidden === (filter.hidden ?? false) &&
    (filter.protected === undefined || filter.protected === about.protected) &&
    (filter.owner === undefined || filter.owner === image.project) &&
    among(filter.ids, image.id) &&
    among(filter.names, image.name) &&
    among(filter.statuses, image.status) &&
    among(filter.containerFormats, about.containerFormat) &&
    among(filter.diskFormats, about.diskFormat) &&
    (filter.tags ?? []).every(tag => about.tags.includes(tag)) &&
    (filter.sizeMin === undefined || (size !== null && size >= filter.sizeMin)) &&
    (filter.sizeMax === undefined || (size !== null && size <= filter.sizeMax)) &&
    (filter.minDiskGb === undefined || filter.minDiskGb === about.minDiskGb) &&
    (filter.minRamMb === undefined || filter.minRamMb === about.minRamMb) &&
    Object.entries(filter.properties ?? {}).every(([name, value]) => image.properties[name] === value) &&
    within(image.createdAt, filter.created) &&
    within(image.updatedAt, filter.updated)
  )
}

export const NEWEST_FIRST: readonly ImageSort[] = [{ column: 'created_at', direction: 'desc' }]

const VALUES: Readonly<Record<ImageSort['column'], (image: ImageBody) => string | number>> = {
  created_at: image => image.createdAt,
  updated_at: image => image.updatedAt,
  name: image => image.name,
  status: image => image.status,
  size: image => image.sizeBytes,
  disk_format: image => aboutOf(image).diskFormat ?? '',
  container_format: image => aboutOf(image).containerFormat ?? '',
  id: image => image.id,
}

/** Below 0 when `a` comes before `b`; ids decide at last, in the direction of the last key, as in every list. */
export function compareBy(sort: readonly ImageSort[]): (a: ImageBody, b: ImageBody) => number {
  const keys: readonly ImageSort[] = [...sort, { column: 'id', direction: sort.at(-1)?.direction ?? 'desc' }]
  return (a, b) => {
    for (const { column, direction } of keys) {
      const [left, right] = [VALUES[column](a), VALUES[column](b)]
      if (left !== right) return left < right === (direction === 'asc') ? -1 : 1
    }
    return 0
  }
}
