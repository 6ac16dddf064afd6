/** The URL of a service: `https://host[:port][/path]`. */
import { invalid } from '../../core/options.ts'

/** Where frames are posted: `base` and the node's number, or `any`. */
export interface ServiceUrl {
  /** Without a slash at its end. */
  readonly base: string
  /** `https://host:port`, for messages. */
  readonly origin: string
}

/** `urlName` is what errors call the URL. Throws `ConfigError`; never repeats a password. */
export function parseServiceUrl(url: string, urlName: string): ServiceUrl {
  let parsed: URL
  try {
    parsed = new URL(url)
  } catch (cause) {
    throw invalid(
      `${urlName} '${url.replace(/\/\/[^/]*@/, '//***@')}' is not a URL: ${(cause as Error).message}`,
    )
  }
  if (parsed.username !== '' || parsed.password !== '') {
    throw invalid(
      `${urlName} must not hold a user and password: give the key as apiKey, or in KAFKA_DO_API_KEY`,
    )
  }
  if (parsed.search !== '' || parsed.hash !== '') {
    throw invalid(`${urlName} must be the address of a service, without '?' and '#'`)
  }
  const path = parsed.pathname.replace(/\/+$/, '')
  return { base: `${parsed.origin}${path}`, origin: parsed.origin }
}
