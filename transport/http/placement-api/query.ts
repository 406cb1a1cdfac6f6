/** What Placement's queries say: the schemas of their parameters, and what they mean. */
import { Type } from 'typebox'
import { badRequest, printable } from '../requests/errors.ts'
import { from, since } from './changes.ts'
import type { AnyOf, ByClass, Demand } from './provider.ts'

const UUID_TEXT = '[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}'
const AMOUNT = '[A-Z][A-Z0-9_]{0,254}:[1-9][0-9]{0,9}'
const TRAIT = '[A-Z][A-Z0-9_]{0,254}'

export const Uuid = Type.String({ pattern: `^${UUID_TEXT}$`, description: 'it must be a UUID' })

export const ResourcesText = Type.String({
  pattern: `^${AMOUNT}(,${AMOUNT})*$`,
  maxLength: 4096,
  description: 'it must be amounts of resource classes such as VCPU:2,MEMORY_MB:512',
})

const RequiredText = Type.String({
  pattern: `^(in:${TRAIT}(,${TRAIT})*|!?${TRAIT}(,!?${TRAIT})*)$`,
  maxLength: 4096,
})

const MemberOfText = Type.String({
  pattern: `^!?(in:)?${UUID_TEXT}(,${UUID_TEXT})*$`,
  maxLength: 4096,
})

export const Required = Type.Union([RequiredText, Type.Array(RequiredText, { maxItems: 64 })], {
  description: 'it must be traits such as HW_CPU_X86_VMX,!CUSTOM_OLD, or in:A,B for any of them',
})
export const MemberOf = Type.Union([MemberOfText, Type.Array(MemberOfText, { maxItems: 64 })], {
  description: 'it must be the UUID of an aggregate, or in: and several with commas; ! before it turns it round',
})

/** The parameters of one group, by the names they have without its suffix. */
export interface DemandQuery {
  readonly resources?: string
  readonly required?: string | string[]
  readonly member_of?: string | string[]
  readonly in_tree?: string
}

/** Of the list of providers. */
export const PROVIDER_DEMAND = {
  member_of: Type.Optional(from('provider.member-of', MemberOf)),
  resources: Type.Optional(from('provider.resources', ResourcesText)),
  in_tree: Type.Optional(from('tree', Uuid)),
  required: Type.Optional(from('provider.required', Required)),
}

const listOf = (value: string | string[] | undefined): readonly string[] => (value === undefined ? [] : [value].flat())

const tooEarly = (field: string, what: string) => badRequest(`Invalid query string parameters: ${field}: this version has no ${what}.`)

function amountsOf(text: string | undefined): ByClass {
  const amounts: Record<string, number> = {}
  for (const item of text?.split(',') ?? []) {
    const [name = '', amount = ''] = item.split(':')
    if (Object.hasOwn(amounts, name)) throw badRequest(`Invalid query string parameters: resources names ${name} twice.`)
    amounts[name] = Number(amount)
  }
  return amounts
}

function traitsOf(given: string | string[] | undefined, minor: number): Pick<Demand, 'required' | 'forbidden'> {
  const required: AnyOf[] = []
  const forbidden: string[] = []
  const texts = listOf(given)
  if (texts.length > 1 && !since(minor, 'required.any')) throw tooEarly('required', 'repeated required')
  for (const text of texts) {
    if (text.startsWith('in:')) {
      if (!since(minor, 'required.any')) throw tooEarly('required', 'in:')
      required.push(text.slice('in:'.length).split(','))
      continue
    }
    for (const name of text.split(',')) {
      if (!name.startsWith('!')) required.push([name])
      else if (since(minor, 'required.forbidden')) forbidden.push(name.slice(1))
      else throw tooEarly('required', 'forbidden traits')
    }
  }
  const both = required.find(anyOf => anyOf.every(name => forbidden.includes(name)))
  if (both) throw badRequest(`Invalid query string parameters: required: ${printable(both.join(','))} is required and forbidden.`)
  return { required, forbidden }
}

function aggregatesOf(given: string | string[] | undefined, minor: number): Pick<Demand, 'memberOf' | 'notMemberOf'> {
  const memberOf: AnyOf[] = []
  const notMemberOf: string[] = []
  const texts = listOf(given)
  if (texts.length > 1 && !since(minor, 'member-of.repeated')) throw tooEarly('member_of', 'repeated member_of')
  for (const text of texts) {
    const isForbidden = text.startsWith('!')
    if (isForbidden && !since(minor, 'member-of.forbidden')) throw tooEarly('member_of', 'forbidden aggregates')
    const isAny = /^!?in:/.test(text)
    const uuids = text
      .replace(/^!?(in:)?/, '')
      .toLowerCase()
      .split(',')
    if (!isAny && uuids.length > 1) throw badRequest('Invalid query string parameters: member_of: several aggregates need in: before them.')
    if (isForbidden) notMemberOf.push(...uuids)
    else memberOf.push(uuids)
  }
  return { memberOf, notMemberOf }
}

/** Throws 400 for what 1.`minor` does not have. */
export function demandOf(query: DemandQuery, minor: number): Demand {
  return {
    resources: amountsOf(query.resources),
    ...traitsOf(query.required, minor),
    ...aggregatesOf(query.member_of, minor),
    inTree: query.in_tree?.toLowerCase() ?? null,
  }
}
