/**
 * Finds the route of a request: a tree of path segments, made once. A segment is literal or `{name}`, which takes any text;
 * literal ones come first. What comes percent-encoded is decoded after it was cut, so a name may hold a slash.
 */
import { HttpError } from './problem.ts'

export interface Match<R> {
  readonly route: R
  readonly params: { readonly [name: string]: string }
}

/** Paths that are remembered, and how long they may be, characters. */
const rememberedMax = 1000
const rememberedLengthMax = 256

interface Place<R> {
  readonly node: Node<R>
  readonly params: { readonly [name: string]: string }
}

interface Node<R> {
  readonly literal: Map<string, Node<R>>
  parameter: { readonly name: string; readonly node: Node<R> } | undefined
  /** By method. */
  readonly routes: Map<string, R>
}

export class Router<R extends { readonly method: string; readonly path: string }> {
  readonly #root: Node<R> = emptyNode()
  /** Where paths led that were asked for lately: most requests are for a few of them. */
  readonly #found = new Map<string, Place<R>>()

  constructor(routes: Iterable<R>) {
    for (const route of routes) this.#add(route)
  }

  #add(route: R): void {
    let node = this.#root
    for (const segment of route.path.split('/').slice(1)) {
      const name = /^\{(\w+)\}$/.exec(segment)?.[1]
      if (name === undefined) {
        let next = node.literal.get(segment)
        next ??= emptyNode()
        node.literal.set(segment, next)
        node = next
      } else {
        node.parameter ??= { name, node: emptyNode() }
        if (node.parameter.name !== name)
          throw new Error(`${route.path}: {${name}} is {${node.parameter.name}} elsewhere`)
        node = node.parameter.node
      }
    }
    if (node.routes.has(route.method))
      throw new Error(`${route.method} ${route.path} is there twice`)
    node.routes.set(route.method, route)
  }

  /** `path` is percent-encoded. Throws `HttpError` 404, 405 with what is allowed, or 400 for a path that cannot be decoded. */
  find(method: string, path: string): Match<R> {
    const place = this.#placeOf(path)
    if (!place) {
      throw new HttpError(
        404,
        `There is nothing at ${path.slice(0, 200)}; GET /v1/openapi.json lists what there is`,
        {
          code: 'ROUTE_NOT_FOUND',
        },
      )
    }
    const { node, params } = place
    const route =
      node.routes.get(method) ?? (method === 'HEAD' ? node.routes.get('GET') : undefined)
    if (route) return { route, params }
    const allow = allowedAt(node)
    throw new HttpError(405, `${path.slice(0, 200)} takes ${allow}, not ${method.slice(0, 20)}`, {
      code: 'METHOD_NOT_ALLOWED',
      headers: { allow },
    })
  }

  /** The methods of a path, for OPTIONS; undefined: there is no such path. */
  allowed(path: string): string | undefined {
    const place = this.#placeOf(path)
    return place && allowedAt(place.node)
  }

  #placeOf(path: string): Place<R> | undefined {
    const known = this.#found.get(path)
    if (known) return known
    const params: { [name: string]: string } = {}
    const node = this.#walk(path, params)
    if (!node) return undefined
    const place = { node, params }
    if (path.length > rememberedLengthMax) return place
    if (this.#found.size >= rememberedMax) this.#found.clear()
    this.#found.set(path, place)
    return place
  }

  #walk(path: string, params: { [name: string]: string }): Node<R> | undefined {
    let node = this.#root
    const segments = path.split('/')
    for (let i = 1; i < segments.length; i++) {
      const segment = decoded(segments[i]!)
      const literal = node.literal.get(segment)
      if (literal) node = literal
      else if (node.parameter && segment !== '') {
        params[node.parameter.name] = segment
        node = node.parameter.node
      } else return undefined
    }
    return node.routes.size > 0 ? node : undefined
  }
}

function emptyNode<R>(): Node<R> {
  return { literal: new Map(), parameter: undefined, routes: new Map() }
}

function allowedAt({ routes }: Node<unknown>): string {
  const methods = new Set(routes.keys())
  if (methods.has('GET')) methods.add('HEAD')
  methods.add('OPTIONS')
  return [...methods].join(', ')
}

function decoded(segment: string): string {
  if (!segment.includes('%')) return segment
  try {
    return decodeURIComponent(segment)
  } catch (cause) {
    throw new HttpError(
      400,
      `The path has a part that is not percent-encoded UTF-8: ${segment.slice(0, 100)}`,
      {
        code: 'INVALID_REQUEST',
        cause,
      },
    )
  }
}
