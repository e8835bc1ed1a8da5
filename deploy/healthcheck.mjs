const response = await fetch(process.argv[2], { signal: AbortSignal.timeout(3000) });
process.exit(response.ok ? 0 : 1);
