# One static binary in an otherwise empty image. It runs as a user without rights and writes to /data only.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /out/latchkey ./cmd/latchkey && mkdir /out/data

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/latchkey /latchkey
COPY --from=build --chown=65532:65532 /out/data /data
USER 65532:65532
WORKDIR /data
VOLUME /data
EXPOSE 3000
# The port is published by whoever runs the container, so the process listens on all addresses in it. `serve` asks for an
# https issuer or LATCHKEY_BEHIND_TLS_PROXY=true, and for an encryption key.
ENV LATCHKEY_LISTEN=:3000 LATCHKEY_DATABASE=sqlite:/data/latchkey.db
ENTRYPOINT ["/latchkey"]
CMD ["serve"]
