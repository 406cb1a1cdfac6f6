/** A flavor in Nova's words. */
import type { FlavorBody } from '../../../actors/api.ts'
import { links } from './links.ts'

export const flavorSummary = (flavor: FlavorBody, origin: string) => ({
  id: flavor.id,
  name: flavor.name,
  links: links(origin, `flavors/${encodeURIComponent(flavor.id)}`),
})

export const flavorDetail = (flavor: FlavorBody, origin: string) => ({
  ...flavorSummary(flavor, origin),
  ram: flavor.ramMb,
  disk: flavor.diskGb,
  vcpus: flavor.vcpus,
  swap: '',
  'OS-FLV-EXT-DATA:ephemeral': 0,
  'OS-FLV-DISABLED:disabled': false,
  'os-flavor-access:is_public': true,
  rxtx_factor: 1,
})
