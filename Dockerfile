# One static program, no shell, not root. docker build -t reflex .
FROM golang:1.26.8-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o /out/usr/bin/reflex ./cmd/reflex
RUN mkdir /out/empty

FROM busybox:1.37.0-musl AS probe

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=probe /bin/busybox /usr/bin/wget
COPY --from=build /out/usr/ /usr/
COPY cmd/reflex/reflex.yml /etc/reflex/
# A new volume takes over who owns the folder it is mounted on.
COPY --from=build --chown=65532:65532 /out/empty/ /var/lib/reflex/
COPY --from=build --chown=65532:65532 /out/empty/ /etc/reflex/org/
USER 65532:65532
VOLUME ["/var/lib/reflex"]
EXPOSE 9464
# Whoever restarts what is unhealthy must not do so because Kafka is away.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
	CMD ["/usr/bin/wget", "-q", "-O", "/dev/null", "http://127.0.0.1:9464/healthz"]
ENTRYPOINT ["/usr/bin/reflex"]
CMD ["run", "-c", "/etc/reflex/reflex.yml"]
