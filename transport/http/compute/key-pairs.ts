/** /os-keypairs. Shapes of Nova's API reference, "Keypairs". */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type Static, Type } from 'typebox'
import type { KeyPairBody } from '../../../actors/api.ts'
import { COMPUTE, type HttpContext } from '../context.ts'
import { has, type Shape, shaped, since } from '../requests/changes.ts'
import { badRequest, notFound, printable } from '../requests/errors.ts'
import { limitOf } from '../requests/paging.ts'
import { checkUser, originOf, projectOf } from '../requests/request.ts'
import { Id, PageLimit } from '../requests/schemas.ts'
import { nameNumber } from '../requests/tokens.ts'
import { nextLinks } from '../views/links.ts'
import { isoMicros } from '../views/time.ts'
import { makeKeyPair, readPublicHalf } from './key-material.ts'

const only = { additionalProperties: false } as const
const NAME = '^(?! )[a-zA-Z0-9 _-]{1,255}(?<! )$'
const KeyName = Type.String({
  pattern: NAME,
  description: 'it must be 1 to 255 letters, digits, spaces, "-" and "_", without spaces at its ends',
})
const CreateKeyPair = Type.Object(
  {
    keypair: Type.Object(
      {
        name: KeyName,
        public_key: Type.Optional(
          Type.String({ minLength: 1, maxLength: 16_384, pattern: '^[^\\u0000\\p{Cs}]*$', description: 'it must be a public key' }),
        ),
        type: Type.Optional(since('keypair.type', Type.Enum(['ssh', 'x509'], { description: "it must be 'ssh' or 'x509'" }))),
        user_id: Type.Optional(since('keypair.user', Id)),
      },
      only,
    ),
  },
  only,
)
type CreateKeyPair = Static<typeof CreateKeyPair>

const user = Type.Optional(since('keypair.user', Id))
const UserQuery = Type.Object({ user_id: user })
type UserQuery = Static<typeof UserQuery>
const ListQuery = Type.Object({
  user_id: user,
  limit: Type.Optional(since('keypair.paging', PageLimit)),
  marker: Type.Optional(since('keypair.paging', Id)),
})
type ListQuery = Static<typeof ListQuery>

interface NameParams {
  readonly name: string
}

const TYPED: readonly Shape<KeyPairBody>[] = [{ change: 'keypair.type', add: ({ type }) => ({ type }) }]

const summary = (pair: KeyPairBody, minor: number) =>
  shaped({ name: pair.name, public_key: pair.publicKey, fingerprint: pair.fingerprint }, pair, minor, TYPED)

const detail = (pair: KeyPairBody, minor: number) => ({
  ...summary(pair, minor),
  user_id: pair.user,
  id: nameNumber(`key pair ${pair.user} ${pair.name}`),
  created_at: isoMicros(pair.createdAt),
  updated_at: null,
  deleted: false,
  deleted_at: null,
})

export function keyPairRoutes(app: FastifyInstance, { api, limits }: HttpContext): void {
  const path = `${COMPUTE}/os-keypairs`
  const config = { strictQuery: true }
  const whose = (request: FastifyRequest<{ Querystring: UserQuery }>): string => checkUser(request, request.query.user_id)

  app.get<{ Querystring: ListQuery }>(path, { schema: { querystring: ListQuery }, config }, async request => {
    const { query, novaMinor: minor } = request
    const all = await api.listKeyPairs({ user: whose(request) })
    const at = query.marker === undefined ? 0 : all.findIndex(({ name }) => name === query.marker) + 1
    if (query.marker !== undefined && at === 0) throw badRequest(`Invalid input for marker: there is no key pair ${printable(query.marker)}.`)
    const limit = limitOf(query, limits.maxPageItems)
    const items = all.slice(at, at + limit)
    const next = at + limit < all.length ? (items.at(-1)?.name ?? null) : null
    return { keypairs: items.map(pair => ({ keypair: summary(pair, minor) })), ...nextLinks('keypairs', originOf(request), request.url, next) }
  })

  app.post<{ Body: CreateKeyPair }>(path, { schema: { body: CreateKeyPair } }, async (request, reply) => {
    const { name, public_key: given, type = 'ssh', user_id } = request.body.keypair
    const owner = checkUser(request, user_id)
    const half = given === undefined ? await makeKeyPair(type, owner) : readPublicHalf(type, given)
    const { publicKey, fingerprint } = half
    const asked = { name, user: owner, type, publicKey, fingerprint, project: projectOf(request), requestId: request.id }
    const pair = await api.createKeyPair(asked)
    const made = 'privateKey' in half ? { private_key: half.privateKey } : {}
    reply.code(has(request.novaMinor, 'keypair.type') ? 201 : 200)
    return { keypair: { ...summary(pair, request.novaMinor), user_id: pair.user, ...made } }
  })

  const one = { schema: { querystring: UserQuery }, config }
  app.get<{ Params: NameParams; Querystring: UserQuery }>(`${path}/:name`, one, async request => ({
    keypair: detail(await api.getKeyPair({ user: whose(request), name: nameOf(request.params) }), request.novaMinor),
  }))

  app.delete<{ Params: NameParams; Querystring: UserQuery }>(`${path}/:name`, one, async (request, reply) => {
    await api.deleteKeyPair({ user: whose(request), name: nameOf(request.params) })
    return reply.code(has(request.novaMinor, 'keypair.type') ? 204 : 202).send()
  })
}

function nameOf({ name }: NameParams): string {
  if (!new RegExp(NAME, 'u').test(name)) throw notFound('Key pair', name)
  return name
}
