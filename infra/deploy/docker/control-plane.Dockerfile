# The control plane: docker build -f infra/deploy/docker/control-plane.Dockerfile -t accessplane/control-plane:0.1.0 .
FROM mcr.microsoft.com/dotnet/sdk:10.0.100-noble AS build
WORKDIR /src
COPY . .
# the lock files say what is restored, to the last package
RUN CI=true infra/publish /out control-plane

FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates libgssapi-krb5-2 libssl3 libstdc++6 tzdata \
 && rm -rf /var/lib/apt/lists/* \
 && install -d -o 10001 -g 10001 -m 700 /var/lib/accessplane
COPY --from=build /out/control-plane /opt/accessplane/control-plane
COPY infra/deploy/docker/health /opt/accessplane/health
ENV DOTNET_ENVIRONMENT=Production \
    DOTNET_EnableDiagnostics=0 \
    Urls=http://0.0.0.0:8080 \
    Keys__Path=/var/lib/accessplane/keys \
    Evidence__Checkpoints=/var/lib/accessplane/checkpoints \
    Secrets__Path=/run/secrets
USER 10001:10001
WORKDIR /var/lib/accessplane
VOLUME ["/var/lib/accessplane", "/tmp"]
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["/opt/accessplane/health", "8080"]
ENTRYPOINT ["/opt/accessplane/control-plane/accessplane-control-plane"]
