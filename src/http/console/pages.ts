/**
 * The files of the console, as answers: whatever GET is not for the API and names one of them, or is a page for a browser.
 * They are the same for everybody, so nobody is asked for a key here; what they show comes from the API, with the key.
 */
import type { HttpReply, HttpRequest } from '../http-exchange.ts'

/** One file of the built console. */
export interface ConsoleFile {
  /** Where it lies below the console's root, such as `assets/main-Bx3k.js`. */
  readonly path: string
  readonly body: Uint8Array
  /** Compressed beforehand, by the name of the encoding. */
  readonly encoded: { readonly [encoding in Encoding]?: Uint8Array }
  /** Of its content; in quotes it is an ETag. */
  readonly hash: string
}

export type Encoding = 'br' | 'gzip'

/** Undefined: the request is not for a page. */
export type Pages = (request: HttpRequest) => Promise<HttpReply | undefined>

export interface PagesOptions {
  /** Loads the files, once. Empty: the console was not built, or does not lie beside the code. */
  readonly load: () => Promise<readonly ConsoleFile[]>
  /** Where the API is mounted: empty, or `/events`. */
  readonly basePath: string
}

/**
 * Of the page: scripts, styles and data from here and nowhere else, and none of them inline. Styles that a script sets by
 * the object model are no inline styles.
 */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self'",
  "base-uri 'self'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const security: { readonly [name: string]: string } = {
  'content-security-policy': policy,
  'cross-origin-opener-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
}

const types: { readonly [extension: string]: string } = {
  css: 'text/css; charset=utf-8',
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
  txt: 'text/plain; charset=utf-8',
}

/** The name of these files changes with their content. */
const hashedFolder = 'assets/'
const yearSeconds = 31_536_000

export function createPages({ load, basePath }: PagesOptions): Pages {
  let loaded: Promise<ReadonlyMap<string, ConsoleFile>> | undefined
  const files = () => {
    loaded ??= load().then((found) => new Map(found.map((file) => [file.path, file])))
    return loaded
  }
  return async (request) => {
    const { method, target } = request
    if (method !== 'GET' && method !== 'HEAD') return undefined
    const path = target.split('?', 1)[0]!
    if (path === '/v1' || path.startsWith('/v1/')) return undefined
    const all = await files()
    const file = all.get(path.slice(1))
    if (file && file.path !== 'index.html') return fileReply(request, file)
    const index = all.get('index.html')
    if (!index || path.startsWith(`/${hashedFolder}`)) return undefined
    return path === '/' || wantsPage(request) ? pageReply(request, index, basePath) : undefined
  }
}

/** A browser that goes somewhere says so; a program that mistypes a path of the API is to get its 404. */
function wantsPage(request: HttpRequest): boolean {
  return request.header('accept')?.includes('text/html') ?? false
}

function fileReply(request: HttpRequest, file: ConsoleFile): HttpReply {
  const encoding = encodingFor(request, file)
  const body = encoding ? file.encoded[encoding]! : file.body
  const etag = `"${file.hash}${encoding ? `-${encoding}` : ''}"`
  const headers = {
    ...security,
    etag,
    vary: 'Accept-Encoding',
    'cache-control': file.path.startsWith(hashedFolder)
      ? `public, max-age=${yearSeconds}, immutable`
      : 'no-cache',
  }
  if (isKnown(request, etag)) return { status: 304, headers }
  return {
    status: 200,
    headers: {
      ...headers,
      'content-type': types[file.path.split('.').pop()!] ?? 'application/octet-stream',
      ...(encoding && { 'content-encoding': encoding }),
    },
    body,
  }
}

/** Its links are relative to where the API is mounted. */
function pageReply(request: HttpRequest, index: ConsoleFile, basePath: string): HttpReply {
  const etag = `"${index.hash}"`
  const headers = { ...security, etag, 'cache-control': 'no-cache' }
  if (isKnown(request, etag)) return { status: 304, headers }
  const text = Buffer.from(index.body).toString('utf8')
  return {
    status: 200,
    headers: { ...headers, 'content-type': types.html! },
    body: basePath === '' ? text : text.replace('<base href="/"', `<base href="${basePath}/"`),
  }
}

function encodingFor(request: HttpRequest, { encoded }: ConsoleFile): Encoding | undefined {
  const accepted = (request.header('accept-encoding') ?? '')
    .split(',')
    .filter((one) => !/;\s*q=0(?:\.0*)?\s*$/.test(one))
    .map((one) => one.split(';', 1)[0]!.trim().toLowerCase())
  return (['br', 'gzip'] as const).find((one) => encoded[one] && accepted.includes(one))
}

function isKnown(request: HttpRequest, etag: string): boolean {
  const known = request.header('if-none-match')
  return known?.split(',').some((one) => one.trim().replace(/^W\//, '') === etag) ?? false
}
