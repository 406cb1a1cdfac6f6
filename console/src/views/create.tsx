/** New instances, and before they are asked for, where the scheduler would put one. */
import { useState } from 'preact/hooks'
import { useAnswer, useLive } from '../live.ts'
import { Card } from '../parts/bits.tsx'
import { Explain } from '../parts/explain.tsx'
import { hrefOf } from '../route.ts'
import { field, listIn, mayAs, messageOf } from '../session.ts'

const textOf = (value: unknown, name: string): string => String(field(value, name) ?? '')
const MAX_COUNT = 100

export function Create() {
  const { ask, session } = useLive()
  const { answer: flavors, error: noFlavors } = useAnswer('flavors', () => ask('GET', '/compute/v2.1/flavors/detail'))
  const { answer: images, error: noImages } = useAnswer('images', () => ask('GET', '/image/v2/images'))
  const [chosen, setChosen] = useState<{ flavor?: string; image?: string; zone: string }>({ zone: '' })
  const [state, setState] = useState<{ busy: boolean; error: string | null }>({ busy: false, error: noFlavors ?? noImages })
  const flavorList = listIn(flavors, 'flavors')
  const imageList = listIn(images, 'images')
  const flavor = chosen.flavor ?? textOf(flavorList[0], 'id')
  const image = chosen.image ?? textOf(imageList[0], 'id')
  // Made once per form, so that pressing twice, or again after a connection was lost, creates once.
  const [token] = useState(() => crypto.randomUUID())

  const submitted = (event: SubmitEvent) => {
    event.preventDefault()
    if (!(event.currentTarget instanceof HTMLFormElement)) return
    const form = new FormData(event.currentTarget)
    const n = Number(form.get('count') ?? 1)
    const server = {
      ...{ name: String(form.get('name') ?? ''), flavorRef: flavor, imageRef: image, networks: 'none' },
      ...(n > 1 ? { min_count: n, max_count: n } : {}),
      ...(chosen.zone === '' ? {} : { availability_zone: chosen.zone }),
    }
    setState({ busy: true, error: null })
    ask('POST', '/compute/v2.1/servers', { server }, { 'x-client-token': token }).then(
      made => {
        location.hash = n > 1 ? hrefOf('instances') : hrefOf('instances', textOf(field(made, 'server'), 'id'))
      },
      error => setState({ busy: false, error: messageOf(error) }),
    )
  }
  return (
    <>
      <h1>Create instances</h1>
      <div class="cards">
        <Card title="What">
          <form class="form" onSubmit={submitted}>
            <label>
              Name
              <input name="name" required maxLength={255} />
            </label>
            <label>
              Flavor
              <select value={flavor} onChange={event => setChosen({ ...chosen, flavor: event.currentTarget.value })}>
                {flavorList.map(each => (
                  <option key={textOf(each, 'id')} value={textOf(each, 'id')}>
                    {textOf(each, 'name')}: {textOf(each, 'vcpus')} vCPU, {textOf(each, 'ram')} MiB, {textOf(each, 'disk')} GB
                  </option>
                ))}
              </select>
            </label>
            <label>
              Image
              <select value={image} onChange={event => setChosen({ ...chosen, image: event.currentTarget.value })}>
                {imageList.map(each => (
                  <option key={textOf(each, 'id')} value={textOf(each, 'id')}>
                    {textOf(each, 'name')}
                  </option>
                ))}
              </select>
            </label>
            <label>
              Zone
              <input value={chosen.zone} placeholder="any" onChange={event => setChosen({ ...chosen, zone: event.currentTarget.value.trim() })} />
            </label>
            <label>
              How many
              <input name="count" type="number" min={1} max={MAX_COUNT} value={1} />
            </label>
            {(state.error ?? noFlavors ?? noImages) && (
              <p class="problem" role="alert">
                {state.error ?? noFlavors ?? noImages}
              </p>
            )}
            <button type="submit" class="primary" disabled={state.busy || flavor === '' || image === ''}>
              {state.busy ? 'Creating …' : 'Create'}
            </button>
          </form>
        </Card>
        {mayAs(session, 'admin') && flavor !== '' && (
          <Card title="Where it would land">
            <Explain flavor={flavor} image={image} zone={chosen.zone} />
          </Card>
        )}
      </div>
    </>
  )
}
