/** What requests about images may say, in the manner of `api-checks.ts`. */
import { ABOUT_CHECKS } from '../../actors/image/about.ts'
import { IMAGE_SORT_KEYS, type ImageApi, MEMBER_STATUSES, TIME_OPERATORS, VISIBILITIES } from '../../actors/image/body.ts'
import { anyOf, type Check, checkObject, flag, integer, listOf, optional, record, text } from '../../actors/kernel/check.ts'

const id = text(256)
const any = Number.MAX_SAFE_INTEGER
const texts = optional(listOf(text(255, 0), 100))
const times = optional(listOf(checkObject({ operator: anyOf(...TIME_OPERATORS), at: integer(-any, any) }), 8))

const filter = checkObject({
  visibility: optional(anyOf(...VISIBILITIES, 'all')),
  memberStatus: optional(anyOf(...MEMBER_STATUSES, 'all')),
  owner: optional(text(64)),
  hidden: optional(flag),
  protected: optional(flag),
  ids: texts,
  names: texts,
  statuses: texts,
  containerFormats: texts,
  diskFormats: texts,
  tags: texts,
  sizeMin: optional(integer(0, any)),
  sizeMax: optional(integer(0, any)),
  minDiskGb: optional(integer(0, any)),
  minRamMb: optional(integer(0, any)),
  properties: optional(record),
  created: times,
  updated: times,
})

const byId = checkObject({ id })
const ofMember = { id, member: text(64) }

export const IMAGE_CHECKS: Readonly<Record<keyof ImageApi, Check>> = {
  listImages: checkObject({
    limit: optional(integer(1, 10_000)),
    marker: optional(id),
    sort: optional(listOf(checkObject({ column: anyOf(...IMAGE_SORT_KEYS), direction: anyOf('asc', 'desc') }), 8)),
    asker: optional(checkObject({ project: optional(text(64)), admin: flag })),
    filter: optional(filter),
  }),
  getImage: byId,
  createImage: checkObject({
    ...ABOUT_CHECKS,
    id: text(64),
    name: text(255, 0),
    project: text(64),
    driver: optional(text(64, 0)),
    properties: record,
    requestId: text(128),
  }),
  updateImage: checkObject({
    ...ABOUT_CHECKS,
    id,
    name: optional(text(255, 0)),
    setProperties: optional(record),
    unsetProperties: optional(listOf(text(255), 1000)),
    addTags: optional(listOf(text(255), 1000)),
    removeTags: optional(listOf(text(255), 1000)),
  }),
  setImageActive: checkObject({ id, active: flag }),
  deleteImage: byId,
  addImageMember: checkObject(ofMember),
  setImageMember: checkObject({ ...ofMember, status: anyOf(...MEMBER_STATUSES) }),
  removeImageMember: checkObject(ofMember),
}
