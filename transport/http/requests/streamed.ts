/** Requests whose body goes through as it comes: the bytes of an image. It may take as long as it keeps coming. */
import type { FastifyRequest } from 'fastify'
import { IMAGE } from '../context.ts'

export const FILE = `${IMAGE}/images/:id/file`

export const isStreamed = ({ method, routeOptions: { url } }: Pick<FastifyRequest, 'method' | 'routeOptions'>): boolean =>
  method === 'PUT' && (url === FILE || url === `${IMAGE}/images/:id/stage`)
