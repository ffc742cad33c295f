# The agent: docker build -f infra/deploy/docker/agent.Dockerfile -t accessplane/agent:0.1.0 .
FROM mcr.microsoft.com/dotnet/sdk:10.0.100-noble AS build
WORKDIR /src
COPY . .
# the lock files say what is restored, to the last package
RUN CI=true infra/publish /out agent

# Debian, because PostgreSQL's parser comes from there
FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates libpg-query1504.0 libssl3 libstdc++6 tzdata \
 && rm -rf /var/lib/apt/lists/* \
 && install -d -o 10001 -g 10001 -m 700 /var/lib/accessplane
COPY --from=build /out/agent /opt/accessplane/agent
COPY infra/deploy/docker/health /opt/accessplane/health
ENV DOTNET_ENVIRONMENT=Production \
    DOTNET_EnableDiagnostics=0
USER 10001:10001
WORKDIR /var/lib/accessplane
VOLUME ["/var/lib/accessplane", "/tmp"]
EXPOSE 6432 9090
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["/opt/accessplane/health", "9090"]
ENTRYPOINT ["/opt/accessplane/agent/accessplane-agent"]
CMD ["/etc/accessplane/agent.json"]
