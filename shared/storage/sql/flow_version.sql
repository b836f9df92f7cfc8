-- How is a flow published in the version that a run of it uses?
WITH {published_flow}
SELECT installation.live_generation, (SELECT flow FROM published_flow) AS flow
FROM callfold.installation
