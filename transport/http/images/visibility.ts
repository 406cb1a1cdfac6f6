/** The visibility that a body asks for, a new image's or a patch; rules of the policy depend on it. */
import { VISIBILITIES, type Visibility } from '../../../actors/api.ts'

const field = (value: unknown, name: string): unknown => (typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined)

/** Null when it asks for none. Of several in one patch the most open counts. */
export function visibilityAsked(body: unknown): Visibility | null {
  const asked = Array.isArray(body)
    ? body.filter(each => field(each, 'path') === '/visibility').map(each => field(each, 'value'))
    : [field(body, 'visibility')]
  return (['public', 'community', ...VISIBILITIES] as const).find(each => asked.includes(each)) ?? null
}
