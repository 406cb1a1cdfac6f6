/** A flavor in Nova's words. */
import type { FlavorBody } from '../../../actors/api.ts'
import { type Shape, shaped } from '../requests/changes.ts'
import { links } from './links.ts'

const SUMMARY: readonly Shape<FlavorBody>[] = [{ change: 'flavor.description', add: ({ description }) => ({ description: description ?? null }) }]

const DETAIL: readonly Shape<FlavorBody>[] = [
  ...SUMMARY,
  { change: 'flavor.extra-specs', add: ({ extraSpecs }) => ({ extra_specs: extraSpecs ?? {} }) },
  { change: 'strict', add: ({ swapMb }) => ({ swap: swapMb ?? 0 }) },
]

const summary = (flavor: FlavorBody, origin: string) => ({
  id: flavor.id,
  name: flavor.name,
  links: links(origin, `flavors/${encodeURIComponent(flavor.id)}`),
})

export const flavorSummary = (flavor: FlavorBody, origin: string, minor: number) => shaped(summary(flavor, origin), flavor, minor, SUMMARY)

export const flavorDetail = (flavor: FlavorBody, origin: string, minor: number) =>
  shaped(
    {
      ...summary(flavor, origin),
      ram: flavor.ramMb,
      disk: flavor.diskGb,
      vcpus: flavor.vcpus,
      swap: flavor.swapMb ?? '',
      'OS-FLV-EXT-DATA:ephemeral': flavor.ephemeralGb ?? 0,
      'OS-FLV-DISABLED:disabled': false,
      'os-flavor-access:is_public': flavor.isPublic ?? true,
      rxtx_factor: flavor.rxtxFactor ?? 1,
    },
    flavor,
    minor,
    DETAIL,
  )
