/** What the API says of a request that failed (RFC 9457), and a service that does not answer. */

export class ApiError extends Error {
  /** 0: there was no answer. */
  readonly status: number
  readonly code: string
  readonly retriable: boolean
  /** The right that it takes, in words. */
  readonly needs: string | undefined

  constructor(
    message: string,
    facts: Partial<Pick<ApiError, 'status' | 'code' | 'retriable' | 'needs'>>,
  ) {
    super(message)
    this.status = facts.status ?? 0
    this.code = facts.code ?? 'NO_ANSWER'
    this.retriable = facts.retriable ?? true
    this.needs = facts.needs
  }

  get isDenied(): boolean {
    return this.status === 403
  }

  get isGone(): boolean {
    return this.status === 0
  }
}

export async function errorOf(response: Response, needs: string | undefined): Promise<ApiError> {
  const text = await response.text().catch(() => '')
  const { status } = response
  try {
    const { detail, code, retriable } = JSON.parse(text) as Partial<ApiError> & { detail?: string }
    return new ApiError(detail ?? `The service answered ${status}`, {
      ...{ status, needs },
      ...(code !== undefined && { code }),
      ...(retriable !== undefined && { retriable }),
    })
  } catch {
    // A proxy in between.
    return new ApiError(`The service answered ${status} ${response.statusText}`, { status, needs })
  }
}
