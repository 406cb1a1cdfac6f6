/** What may be said about an image when it is registered or changed: its actor checks it, and so does the door of the API. */
import { anyOf, flag, integer, listOf, optional, text } from '../kernel/check.ts'
import { VISIBILITIES } from './body.ts'

const amount = integer(0, 2 ** 31 - 1)

export const ABOUT_CHECKS = {
  visibility: optional(anyOf(...VISIBILITIES)),
  protected: optional(flag),
  hidden: optional(flag),
  minDiskGb: optional(amount),
  minRamMb: optional(amount),
  containerFormat: optional(text(64)),
  diskFormat: optional(text(64)),
  tags: optional(listOf(text(255), 1000)),
}
