/** `baton schedule explain` */
import type { Explanation, HostVerdict } from '../../actors/api.ts'
import { type Call, given, required, text } from '../call.ts'
import { endpointOf } from '../client/endpoint.ts'
import { listImages } from '../client/glance.ts'
import { httpClient } from '../client/http.ts'
import { listFlavors } from '../client/nova.ts'
import { explainSchedule } from '../client/placement.ts'
import { findNamed } from '../client/resolve.ts'
import { type Column, print, table } from '../output/table.ts'
import { placeOf } from './place.ts'

const COLUMNS: readonly Column<HostVerdict>[] = [
  ['HOST', v => v.host],
  ['FITS', v => (v.fits ? 'yes' : 'no')],
  ['WEIGHT', v => (v.weight === null ? null : Math.round(v.weight * 1000) / 1000)],
  ['WHY NOT', v => v.refusals.map(({ filter, reason }) => `${filter}: ${reason}`).join('; ')],
]

export async function explain(call: Call): Promise<void> {
  const client = httpClient(endpointOf(call.options))
  const image = text(call.options, 'image')
  const body = {
    flavor: findNamed('flavor', required(call.options, 'flavor'), await listFlavors(client)).id,
    ...(image === undefined ? {} : { image: findNamed('image', image, await listImages(client)).id }),
    ...(await placeOf(client, call.options)),
    ...(given(call.options, 'all') ? { all: true } : {}),
  }
  const why = await explainSchedule(client, body)
  print(given(call.options, 'json'), why, () => explanationText(why))
}

function explanationText(why: Explanation): string {
  const refused = Object.entries(why.refusedBy).map(([name, count]) => `${count} by ${name}`)
  const counted = refused.length > 0 ? `; refused ${refused.join(', ')}` : ''
  const hidden = why.hosts - why.verdicts.length
  return [
    `${why.fitting} of ${why.hosts} hosts fit ${why.wanted}${counted}`,
    '',
    table(COLUMNS, why.verdicts),
    ...(hidden > 0 ? [`… and ${hidden} more; --all shows each`] : []),
    ...(why.nearest.length > 0 ? ['', 'It would fit after any of these:', ...why.nearest.map(change => `  ${change}`)] : []),
  ].join('\n')
}
