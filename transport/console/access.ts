/** Who may watch what: the rules of the API, asked once per subscription. What is of another project is answered as if it did not exist. */
import type { ClusterApi } from '../../actors/api.ts'
import type { Claims } from '../../actors/identity/api.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import { passes, projectIn } from '../http/policy/checks.ts'
import { rulesWith } from '../http/policy/rules.ts'
import { type Query, TOPICS } from './queries.ts'
import { createSlots } from './reading.ts'

/** Looks at a time for whose an instance is: clients that come back all ask at once. */
const LOOKS = 8

export type Access = (query: Omit<Query, 'project'>, claims: Claims) => Promise<Query>

const forbidden = (rule: string): BatonError => new BatonError('Forbidden', `Policy doesn't allow ${rule} to be performed.`)

/** Resolves with the query as it may be asked. Rejects `Forbidden` and `NotFound`. Throws `ConfigInvalid` for wrong overrides. */
export function createAccess(api: Pick<ClusterApi, 'getInstance'>, overrides: readonly string[]): Access {
  const rules = rulesWith(overrides)
  const may = (rule: string, claims: Claims, owner: { project?: string | null }) => passes(rules[rule] ?? '!', claims, owner)

  const slots = createSlots(LOOKS)

  async function ownerOf(instance: string): Promise<string | null> {
    try {
      return (await slots.run(() => api.getInstance({ id: instance }))).project
    } catch (error) {
      if (error instanceof BatonError && (error.code === 'NotFound' || error.code === 'BadRequest')) return null
      throw error
    }
  }

  return async ({ topic, params }, claims) => {
    const { own, all } = TOPICS[topic]
    const project = projectIn(claims)
    // An instance is the subject of all that can be asked for by id here; a host's things are for who may see everybody's.
    const subject = topic === 'console' || topic === 'instances' || topic === 'operations' ? (params.id ?? params.subject) : params.subject
    if (topic === 'console') {
      const owner = await ownerOf(params.id ?? '')
      if (!may(all, claims, { project })) throw forbidden(all)
      if (!may(all, claims, { project: owner })) throw new BatonError('NotFound', `there is no instance ${params.id}`)
      return { topic, params, project: null }
    }
    if (may(all, claims, {})) return { topic, params, project: null }
    if (own === null || project === null || !may(own, claims, { project })) throw forbidden(own === null || project === null ? all : own)
    if (params.project !== undefined && params.project !== project) throw forbidden(all)
    if (subject !== undefined && (await ownerOf(subject.split('.', 1)[0] ?? '')) !== project)
      throw new BatonError('NotFound', `there is no ${topic === 'operations' && params.id !== undefined ? 'operation' : 'instance'} ${subject}`)
    return { topic, params, project }
  }
}
