/**
 * Lists of images. What a project sees is the sum of three lists (its own, the public ones, those shared with it), each read from the
 * view in order, page by page, and merged; so a page costs what it shows, however many images others have. The images that come with
 * Baton stand in no database, and in every list where their turn is.
 */
import type { ImageAsker, ImageBody, ImageFilter, ImageSort, ListImages } from '../../actors/api.ts'
import { compareBy, matches, NEWEST_FIRST } from '../../actors/image/access.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import type { ViewQuery, Views } from '../../actors/kernel/ports.ts'

/** Images on one page when no limit is asked for, and at most. */
const PAGE_LIMIT = 1000
/** Rows that one list may look at before it is refused: filters that few images match are to be named by columns. */
const LOOK_LIMIT = 100_000

const EVERYBODY: ImageAsker = { project: null, admin: true }

type Where = NonNullable<ViewQuery['where']>

export async function listImages(views: Views, builtIn: readonly ImageBody[], args: ListImages): Promise<ImageBody[]> {
  const { limit = PAGE_LIMIT, marker, sort = NEWEST_FIRST, asker = EVERYBODY, filter = {} } = args
  const most = Math.min(limit, PAGE_LIMIT)
  const compare = compareBy(sort)
  // A built-in image is no row to continue after: then what stands before it is passed over.
  const from = builtIn.find(image => image.id === marker)
  const scans = sourcesOf(asker, filter).map(({ where, keep }) => scan(views, where, sort, from ? undefined : marker, most, keep))
  const start = marker === undefined || from ? from : await rowOf(views, marker)
  const own = builtIn.filter(image => !start || compare(image, start) > 0).sort(compare)
  const found: ImageBody[] = []
  for await (const image of merge(compare, [...scans, inOrder(own)])) {
    if ((from && compare(image, from) <= 0) || !matches(image, filter, asker)) continue
    found.push(image)
    if (found.length >= most) break
  }
  return found
}

async function rowOf(views: Views, id: string): Promise<ImageBody> {
  const row = await views.get('image', id)
  if (!row) throw new BatonError('BadRequest', `there is no image ${JSON.stringify(id)} to continue after; start again without a marker`)
  return row.body as ImageBody
}

/** The lists whose sum is what may be seen, no image in two of them. */
function sourcesOf({ project, admin }: ImageAsker, filter: ImageFilter): { readonly where: Where; keep(image: ImageBody): boolean }[] {
  const columns: Where = {
    deleted: false,
    ...(filter.ids ? { id: filter.ids } : {}),
    ...(filter.names ? { name: filter.names } : {}),
    ...(filter.statuses ? { status: filter.statuses } : {}),
    ...(filter.visibility === undefined || filter.visibility === 'all' ? {} : { visibility: filter.visibility }),
    ...(filter.owner === undefined ? {} : { project: filter.owner }),
  }
  if (admin) return [{ where: columns, keep: () => true }]
  const others = ['public', 'shared', 'community'].filter(
    each => filter.visibility === undefined || filter.visibility === 'all' || filter.visibility === each,
  )
  const foreign = others.map(visibility => ({ where: { ...columns, visibility }, keep: (image: ImageBody) => image.project !== project }))
  const isMine = project !== null && (filter.owner === undefined || filter.owner === project)
  return [...(isMine ? [{ where: { ...columns, project }, keep: () => true }] : []), ...foreign]
}

async function* scan(
  views: Views,
  where: Where,
  sort: readonly ImageSort[],
  after: string | undefined,
  most: number,
  keep: (image: ImageBody) => boolean,
): AsyncGenerator<ImageBody> {
  const limit = Math.max(1, Math.min(most, PAGE_LIMIT))
  let marker = after
  for (let looked = 0; looked < LOOK_LIMIT; looked += limit) {
    const rows = await views.list('image', { where, sort, limit, ...(marker === undefined ? {} : { marker }) })
    for (const row of rows) {
      const image = row.body as ImageBody
      if (keep(image)) yield image
    }
    marker = rows.at(-1)?.id
    if (rows.length < limit) return
  }
  throw new BatonError('Overloaded', `${LOOK_LIMIT} images were looked at; filter by name, status, visibility or owner`)
}

async function* inOrder(images: readonly ImageBody[]): AsyncGenerator<ImageBody> {
  yield* images
}

/** Several ordered lists as one; each is read only as far as it is needed. */
async function* merge(compare: (a: ImageBody, b: ImageBody) => number, lists: readonly AsyncGenerator<ImageBody>[]): AsyncGenerator<ImageBody> {
  const heads = await Promise.all(lists.map(async list => ({ list, head: await list.next() })))
  for (;;) {
    let first: (typeof heads)[number] | null = null
    for (const each of heads) if (!each.head.done && (!first || first.head.done || compare(each.head.value, first.head.value) < 0)) first = each
    if (!first || first.head.done) return
    yield first.head.value
    first.head = await first.list.next()
  }
}
